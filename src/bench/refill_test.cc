// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/probe/refill_probe.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;

TEST(Refill, is_counted_while_spares_come) {
  EXPECT_EQ(refill_rate({{0ms, 0}, {10ms, 0}, {20ms, 5}, {30ms, 15}, {40ms, 25}, {900ms, 25}}),
            1000);
}

TEST(Refill, needs_a_rise) {
  EXPECT_EQ(refill_rate({}), std::nullopt);
  EXPECT_EQ(refill_rate({{0ms, 25}}), std::nullopt);
  EXPECT_EQ(refill_rate({{0ms, 0}, {10ms, 25}, {20ms, 25}}), 2500);
}

}  // namespace
}  // namespace vireo::bench
