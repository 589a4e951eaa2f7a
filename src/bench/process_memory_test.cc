// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/process_memory.h"

#include <gtest/gtest.h>

#include "host/files.h"

namespace vireo::bench {
namespace {

TEST(ProcessMemory, pages_on_the_lists_of_all_processors_and_zones_are_counted) {
  constexpr const char* zones =
      "Node 0, zone   Normal\n"
      "  pages free     5196032\n"
      "  pagesets\n"
      "    cpu: 0\n"
      "              count:    8158\n"
      "              high:     9566\n"
      "    cpu: 1\n"
      "              count:    17\n"
      "  vm stats threshold: 24\n"
      "Node 0, zone  Movable\n"
      "              count: 0\n"
      "              count: 3";
  EXPECT_EQ(listed_pages(zones), 8178u);
  EXPECT_EQ(listed_pages(""), 0u);
}

TEST(ProcessMemory, this_kernel_tells_them) {
  EXPECT_GT(listed_pages(*read_file("/proc/zoneinfo")), 0u);
}

}  // namespace
}  // namespace vireo::bench
