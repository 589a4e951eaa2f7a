// SPDX-License-Identifier: Apache-2.0
// The ways in which a virtual machine is started, each quicker than the one before it.
#pragma once
#include <optional>
#include <string_view>

namespace vireo {

enum class StartTier {
  cold,       // it boots the image
  fork,       // its memory is a copy-on-write mapping of a machine that waits for its identity
  parked,     // a spare has come that far ahead of the start
  rehearsed,  // such a spare has also run once with an identity that was taken away again
};

inline constexpr std::string_view start_tier_names[] = {"cold", "fork", "parked", "rehearsed"};

constexpr std::string_view to_text(StartTier tier) {
  return start_tier_names[static_cast<int>(tier)];
}

constexpr std::optional<StartTier> start_tier_from(std::string_view name) {
  for (int tier = 0; tier < 4; tier++)
    if (start_tier_names[tier] == name) return static_cast<StartTier>(tier);
  return std::nullopt;
}

}  // namespace vireo
