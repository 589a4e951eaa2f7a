// SPDX-License-Identifier: Apache-2.0
// Which range of the host's user and group ids belongs to which instance or spare shell. Ranges
// come in blocks: taking a block from the source, which writes to a disk, is rare; which ranges of
// it are in use is known from the shells.
#pragma once
#include <bitset>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>

#include "driver/number_source.h"

namespace vireo {

// 65536 ids of the host belong to each instance: range n starts at first_host_id + n * 65536.
inline constexpr uint32_t ids_of_a_shell = 65536;
inline constexpr uint32_t first_host_id = 1u << 20;
inline constexpr uint32_t first_id(unsigned range) {
  return first_host_id + range * ids_of_a_shell;
}

// Thread-safe.
class IdRanges {
 public:
  static constexpr unsigned block_size = 64;
  static constexpr unsigned most_blocks = 468;
  // `first`: at which block to begin, so that daemons with sources of their own are apart.
  IdRanges(NumberSource& source, unsigned first) : source_(source), first_(first % most_blocks) {}

  struct Range {
    unsigned block = 0, number = 0;
    bool operator==(const Range&) const = default;
  };
  // Errc::exhausted.
  Result<Range> take();
  // One that a shell of an earlier daemon has.
  void adopt(const Range& range);
  // A block of which nothing is in use any more goes back to the source, unless it is the last.
  void give_back(const Range& range);

 private:
  struct Block {
    unsigned number = 0;
    std::bitset<block_size> used;
  };
  Result<Block*> block(unsigned index);

  NumberSource& source_;
  unsigned first_;
  std::mutex mutex_;
  std::map<unsigned, Block> blocks_;
  unsigned may_have_room_ = 0;    // none before it has
  std::set<unsigned> strangers_;  // of shells whose block the source does not know
};

}  // namespace vireo
