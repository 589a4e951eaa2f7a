// SPDX-License-Identifier: Apache-2.0
#include "driver/id_ranges.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace vireo {
namespace {

std::string owner_of(unsigned block) { return fmt::format("container-block-{}", block); }

}  // namespace

Result<IdRanges::Block*> IdRanges::block(unsigned index) {
  if (auto known = blocks_.find(index); known != blocks_.end()) return &known->second;
  uint64_t number = TRY_IN("user ids", source_.allocate(owner_of(index), most_blocks));
  Block& made = blocks_[index];
  made.number = (first_ + static_cast<unsigned>(number)) % most_blocks;
  return &made;
}

Result<IdRanges::Range> IdRanges::take() {
  std::lock_guard lock(mutex_);
  for (unsigned& index = may_have_room_;; index++) {
    Block* found = TRY(block(index));
    for (unsigned i = 0; i < block_size && !found->used.all(); i++) {
      const unsigned number = found->number * block_size + i;
      if (found->used[i] || strangers_.contains(number)) continue;
      found->used[i] = true;
      return Range{index, number};
    }
  }
}

void IdRanges::adopt(const Range& range) {
  std::lock_guard lock(mutex_);
  Result<Block*> found = block(range.block);
  if (found && (*found)->number == range.number / block_size)
    (*found)->used[range.number % block_size] = true;
  else
    strangers_.insert(range.number);
}

void IdRanges::give_back(const Range& range) {
  std::lock_guard lock(mutex_);
  if (strangers_.erase(range.number) > 0) return;
  auto found = blocks_.find(range.block);
  if (found == blocks_.end()) return;
  found->second.used[range.number % block_size] = false;
  may_have_room_ = std::min(may_have_room_, range.block);
  if (found->second.used.any() || blocks_.size() == 1) return;
  if (auto released = source_.release(owner_of(range.block)); !released)
    spdlog::warn("user ids are not given back: {}", released.error().message);
  blocks_.erase(found);
}

}  // namespace vireo
