// SPDX-License-Identifier: Apache-2.0
// RFC 4648 section 4: bytes as text, for JSON bodies.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace vireo {

std::string base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);  // padded, no line breaks

}  // namespace vireo
