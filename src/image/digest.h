// SPDX-License-Identifier: Apache-2.0
// SHA-256 over streams, and digests as OCI writes them: "sha256:" and 64 lower-case hex digits.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vireo {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  std::string finish();  // "sha256:..."; once

 private:
  struct Close {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Close> context_;
};

std::string digest_of(std::string_view bytes);

// Any other algorithm is Errc::unsupported, any other form Errc::invalid.
Result<void> check_digest_form(std::string_view digest);
std::string digest_hex(std::string_view digest);  // what follows "sha256:"

// Errc::corrupt: "`what` has digest sha256:..., expected sha256:...". An empty `expected` passes.
Result<void> compare_digests(std::string_view what, std::string_view found,
                             std::string_view expected);

}  // namespace vireo
