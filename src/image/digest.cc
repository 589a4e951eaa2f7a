// SPDX-License-Identifier: Apache-2.0
#include "image/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace vireo {

static constexpr std::string_view prefix = "sha256:";

void Sha256::Close::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

static EVP_MD_CTX* raw(const auto& context) { return static_cast<EVP_MD_CTX*>(context.get()); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex(raw(context_), EVP_sha256(), nullptr) == 1);
}

void Sha256::update(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(raw(context_), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
  std::array<uint8_t, 32> sum{};
  CHECK(EVP_DigestFinal_ex(raw(context_), sum.data(), nullptr) == 1);
  return std::string(prefix) + hex(sum);
}

std::string digest_of(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.finish();
}

Result<void> check_digest_form(std::string_view digest) {
  if (!digest.starts_with(prefix)) {
    bool named = digest.find(':') != std::string_view::npos;
    return Error{named ? Errc::unsupported : Errc::invalid,
                 fmt::format("`{}` is not a sha256 digest", digest)};
  }
  std::string_view digits = digest.substr(prefix.size());
  bool is_hex = std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (digits.size() != 64 || !is_hex)
    return Error{Errc::invalid, fmt::format("`{}` is not a digest: 64 hex digits needed", digest)};
  return {};
}

std::string digest_hex(std::string_view digest) {
  CHECK(digest.starts_with(prefix));
  return std::string(digest.substr(prefix.size()));
}

Result<void> compare_digests(std::string_view what, std::string_view found,
                             std::string_view expected) {
  if (expected.empty() || found == expected) return {};
  return Error{Errc::corrupt, fmt::format("{} has digest {}, expected {}", what, found, expected)};
}

}  // namespace vireo
