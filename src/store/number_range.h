// SPDX-License-Identifier: Apache-2.0
// Who owns which number of one range, and which is the lowest free one. Not thread-safe.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace vireo {

class NumberRange {
 public:
  std::optional<uint64_t> of(std::string_view owner) const {
    const auto found = owners_.find(owner);
    if (found == owners_.end()) return {};
    return found->second;
  }
  // All below `hint_` are taken, so that filling a range does not walk it from its start each time.
  uint64_t lowest_free() {
    while (taken_.contains(hint_)) ++hint_;
    return hint_;
  }
  void bind(std::string_view owner, uint64_t number) {
    owners_.emplace(owner, number);
    taken_.insert(number);
  }
  void release(std::string_view owner) {
    const auto found = owners_.find(owner);
    if (found == owners_.end()) return;
    taken_.erase(found->second);
    hint_ = std::min(hint_, found->second);
    owners_.erase(found);
  }

 private:
  std::map<std::string, uint64_t, std::less<>> owners_;
  std::set<uint64_t> taken_;
  uint64_t hint_ = 0;
};

}  // namespace vireo
