// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

using namespace std::chrono_literals;

TEST(Text, bytes) {
  EXPECT_EQ(*parse_bytes("8MiB"), 8u << 20);
  EXPECT_EQ(*parse_bytes("10kB"), 10000u);
  EXPECT_EQ(*parse_bytes("512"), 512u);
  for (const char* bad : {"", "MiB", "-1MiB", "8 MiB", "8Mib", "1e30GiB"})
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  EXPECT_EQ(bytes_text(8u << 20), "8.0 MiB");
}

TEST(Text, durations) {
  EXPECT_EQ(*parse_duration("50ms"), 50ms);
  EXPECT_FALSE(parse_duration("50"));
  EXPECT_EQ(duration_text(1400us), "1.4 ms");
  EXPECT_EQ(duration_text(130s), "2m10s");
}

TEST(Text, timestamps_round_trip) {
  const char* text = "2026-11-24T20:16:01.000123Z";
  EXPECT_EQ(timestamp(*parse_timestamp(text)), text);
  EXPECT_FALSE(parse_timestamp("yesterday"));
}

TEST(Text, nearest_finds_typing_slips_only) {
  std::vector<std::string> keys{"image", "technology", "command"};
  EXPECT_EQ(nearest("imag", keys), "image");
  EXPECT_EQ(nearest("tecnology", keys), "technology");
  EXPECT_EQ(nearest("zzz", keys), "");
}

TEST(Text, numbers_are_whole_or_nothing) {
  EXPECT_EQ(*parse_number("42"), 42u);
  for (const char* bad : {"", "4x", "-1", " 4", "99999999999999999999"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

}  // namespace
}  // namespace vireo
