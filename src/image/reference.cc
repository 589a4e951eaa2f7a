// SPDX-License-Identifier: Apache-2.0
// The grammar of names: OCI distribution-spec 1.1, "Pulling manifests", with an optional host:port.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "image/image_store.h"

namespace vireo {
namespace {

constexpr size_t longest_reference = 180;  // its file name must fit into 255 bytes
constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool consists_of(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return lower.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

bool is_component(std::string_view part) {
  return consists_of(part, "._-") && lower.find(part.front()) != std::string_view::npos &&
         lower.find(part.back()) != std::string_view::npos &&
         part.find("..") == std::string_view::npos;
}

bool is_tag(std::string_view tag) {
  std::string more = std::string(upper) + "._-";
  return consists_of(tag, more) && tag.size() <= 128 && tag[0] != '.' && tag[0] != '-';
}

bool is_host(std::string_view part) {
  std::string more = std::string(upper) + ".-:";
  return consists_of(part, more) && part.front() != '.' && part.front() != '-' &&
         part.find("..") == std::string_view::npos;
}

bool is_name(std::string_view name) {
  auto parts = split(name, '/');
  size_t from = parts.size() > 1 && is_host(parts[0]) ? 1 : 0;
  return std::all_of(parts.begin() + static_cast<ptrdiff_t>(from), parts.end(), is_component);
}

bool is_digest(std::string_view digest) {
  constexpr std::string_view kind = "sha256:";
  return digest.starts_with(kind) && digest.size() == kind.size() + 64 &&
         digest.substr(kind.size()).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<std::string> normalise_reference(const std::string& reference) {
  Error bad{Errc::invalid,
            fmt::format("`{}` is not an image name like vireo/firewall:latest", reference)};
  if (reference.size() > longest_reference) return bad;
  std::string_view rest = reference;
  size_t at = rest.find('@');
  bool has_digest = at != std::string_view::npos;
  if (has_digest && !is_digest(rest.substr(at + 1))) return bad;
  rest = rest.substr(0, at);
  size_t slash = rest.find_last_of('/');
  size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  bool has_tag = colon != std::string_view::npos;
  if (has_tag && !is_tag(rest.substr(colon + 1))) return bad;
  if (!is_name(rest.substr(0, colon))) return bad;
  return has_tag || has_digest ? reference : reference + ":latest";
}

}  // namespace vireo
