// SPDX-License-Identifier: Apache-2.0
// The pieces that findings are written with.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace vireo {

// `text` between back quotes, control characters replaced, shortened to one line's worth.
std::string quoted(std::string_view text);

// "did you mean `image`?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace vireo
