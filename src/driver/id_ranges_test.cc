// SPDX-License-Identifier: Apache-2.0
#include "driver/id_ranges.h"

#include <gtest/gtest.h>

#include <vector>

namespace vireo {
namespace {

TEST(IdRanges, are_never_shared_and_come_in_blocks) {
  LocalNumbers source;
  IdRanges ranges(source, 7);
  std::set<unsigned> seen;
  for (unsigned i = 0; i < 3 * IdRanges::block_size; i++)
    EXPECT_TRUE(seen.insert(ranges.take()->number).second);
  EXPECT_EQ(*seen.begin(), 7 * IdRanges::block_size);
  EXPECT_EQ(*source.allocate("another", 1000), 3u);  // three blocks are taken
}

TEST(IdRanges, of_a_later_daemon_are_apart_from_those_in_use) {
  LocalNumbers source;
  std::vector<IdRanges::Range> used;
  {
    IdRanges ranges(source, 0);
    for (unsigned i = 0; i < IdRanges::block_size + 3; i++) used.push_back(*ranges.take());
  }
  IdRanges later(source, 0);
  later.adopt(used.front());
  later.adopt(used.back());
  for (unsigned i = 0; i < 2 * IdRanges::block_size - 2; i++) {
    IdRanges::Range range = *later.take();
    EXPECT_NE(range.number, used.front().number);
    EXPECT_NE(range.number, used.back().number);
  }
}

TEST(IdRanges, of_shells_that_the_source_does_not_know_are_left_alone) {
  LocalNumbers source;
  IdRanges ranges(source, 0);
  ranges.adopt({5, 3});  // block 5 gets the lowest number, 0: range 3 is in block 0's place too
  ranges.adopt({2, 400});
  for (unsigned i = 0; i < 7 * IdRanges::block_size; i++) {
    unsigned number = ranges.take()->number;
    EXPECT_NE(number, 3u);
    EXPECT_NE(number, 400u);
  }
}

TEST(IdRanges, are_given_back) {
  LocalNumbers source;
  IdRanges ranges(source, 0);
  std::vector<IdRanges::Range> used;
  for (unsigned i = 0; i < 2 * IdRanges::block_size; i++) used.push_back(*ranges.take());
  ranges.give_back(used[3]);
  EXPECT_EQ(*ranges.take(), used[3]);
  for (unsigned i = 0; i < IdRanges::block_size; i++) ranges.give_back(used[i]);
  EXPECT_EQ(*source.allocate("another", 1000), 0u);  // the first block is free again
}

TEST(IdRanges, end) {
  LocalNumbers source;
  IdRanges ranges(source, 0);
  for (unsigned i = 0; i < IdRanges::most_blocks * IdRanges::block_size; i++)
    ASSERT_TRUE(ranges.take());
  EXPECT_EQ(ranges.take().error().code, Errc::exhausted);
}

}  // namespace
}  // namespace vireo
