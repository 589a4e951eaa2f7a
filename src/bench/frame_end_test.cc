// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/frame_end.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

Datagram example() {
  return {*parse_mac("02:00:00:00:00:01"),
          *parse_mac("02:00:00:00:00:02"),
          *parse_ip("10.1.0.1"),
          *parse_ip("10.1.0.20"),
          1024,
          7009};
}

TEST(FrameEnd, a_frame_is_read_as_it_was_written) {
  for (size_t bytes : {least_frame, size_t{512}, most_frame}) {
    auto frame = frame_of(example(), bytes);
    EXPECT_EQ(frame.size(), bytes);
    ASSERT_TRUE(is_ours(frame));
    Datagram read = datagram_of(frame);
    EXPECT_EQ(read.from_mac, example().from_mac);
    EXPECT_EQ(read.to_mac, example().to_mac);
    EXPECT_EQ(read.from, example().from);
    EXPECT_EQ(read.to, example().to);
    EXPECT_EQ(read.from_port, 1024);
    EXPECT_EQ(read.to_port, 7009);
  }
}

TEST(FrameEnd, the_header_adds_up) {
  auto frame = frame_of(example(), 512);
  uint32_t sum = 0;
  for (size_t i = 14; i < 34; i += 2) sum += static_cast<uint32_t>(frame[i] << 8 | frame[i + 1]);
  EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffu);  // RFC 1071
  EXPECT_EQ(frame[16] << 8 | frame[17], 512 - 14);
}

TEST(FrameEnd, an_answer_goes_back) {
  Datagram answer = answer_to(example());
  EXPECT_EQ(answer.to, example().from);
  EXPECT_EQ(answer.to_mac, example().from_mac);
  EXPECT_EQ(answer.to_port, 1024);
  EXPECT_EQ(answer_to(answer).to, example().to);
}

TEST(FrameEnd, what_others_send_is_not_ours) {
  auto frame = frame_of(example(), least_frame);
  frame[42] ^= 1;
  EXPECT_FALSE(is_ours(frame));
  EXPECT_FALSE(is_ours(std::span(frame).first(40)));
}

}  // namespace
}  // namespace vireo::bench
