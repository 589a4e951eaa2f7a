// SPDX-License-Identifier: Apache-2.0
// What is lost, and how it is found: the sender in time of its own, the receiver segment by
// segment.
#include <gtest/gtest.h>

#include "vnf/tcp/wire_testing.h"

namespace vireo::vnf::tcp {
namespace {

using testing::Wire;

constexpr uint64_t ms = 1'000'000;

// 500 kB from end 0 to end 1; a loss on purpose. The connection waits for its end 60 s.
class Recovery : public ::testing::Test {
 protected:
  void run(bool (*drop)(const Segment&, int, uint64_t), bool plain = false,
           size_t bytes = 500'000) {
    wire_ = std::make_unique<Wire>(1, testing::Faults{});
    wire_->ends[0].stream = Wire::random_stream(bytes, 9);
    wire_->ends[1].finishes_late = true;
    wire_->drop = drop;
    wire_->plain = plain;
    wire_->run();
    EXPECT_TRUE(wire_->ends[1].received == wire_->ends[0].stream);
    took_ms_ = (wire_->now_ns - Connection::time_wait_ns) / ms;
  }
  uint64_t resent() const { return wire_->ends[0].connection.resent(); }

  std::unique_ptr<Wire> wire_;
  uint64_t took_ms_ = 0;
};

constexpr uint32_t victim = 0xfffffff0 + 29'201;  // the number of a segment that leaves early
int dropped;                                      // of the segment that is

TEST_F(Recovery, a_lost_retransmission_needs_no_timeout) {
  dropped = 0;
  run([](const Segment& piece, int from, uint64_t) {
    return from == 0 && piece.sequence == victim && dropped++ < 2;
  });
  EXPECT_EQ(wire_->lost, 2u);
  EXPECT_EQ(resent(), 2u);
  EXPECT_LT(took_ms_, 150u);
}

TEST_F(Recovery, without_blocks_it_needs_one) {
  dropped = 0;
  run([](const Segment& piece, int from,
         uint64_t) { return from == 0 && piece.sequence == victim && dropped++ < 2; },
      true);
  EXPECT_EQ(wire_->lost, 2u);
  EXPECT_GE(took_ms_, 200u);
}

// The last full segment, the rest and the FIN.
bool is_tail(const Segment& piece, int from, uint64_t) {
  return from == 0 && piece.sequence - 0xfffffff0 > 499'000 - 2 * 1460 && dropped++ < 3;
}
TEST_F(Recovery, a_lost_tail_is_found_by_a_probe) {
  dropped = 0;
  run(is_tail);
  EXPECT_EQ(wire_->lost, 3u);
  EXPECT_LT(took_ms_, 150u);
}

TEST_F(Recovery, a_probe_that_was_needless_halves_nothing) {
  // The acknowledgement of everything comes late: lost once, then said again because of the probe.
  dropped = 0;
  run(
      [](const Segment& piece, int from, uint64_t) {
        return from == 1 && piece.acknowledged - 0xfffffff0 > 14'000 && dropped++ < 1;
      },
      false, 14'600);
  EXPECT_EQ(wire_->lost, 1u);
  EXPECT_LE(resent(), 1u);
  EXPECT_LT(took_ms_, 250u);
}

TEST_F(Recovery, many_losses_of_one_window_take_little_longer_than_one) {
  dropped = 0;
  run([](const Segment& piece, int from, uint64_t number) {
    const bool lost =
        from == 0 && piece.length > 0 && number >= 60 && number < 90 && number % 3 > 0;
    dropped += lost;
    return lost;
  });
  EXPECT_GT(dropped, 10);
  EXPECT_GT(resent(), 10u) << "neighbours leave in one segment";
  EXPECT_LT(took_ms_, 150u);
}

// An end alone, whose peer understands blocks, against segments made by hand.
class Selective : public ::testing::Test {
 protected:
  static constexpr uint32_t ours = 1000, theirs = 5000;
  void SetUp() override {
    Segment syn{.sequence = theirs, .window = 50'000, .mss = 1000, .flags = Tcp::syn};
    syn.selective = true;
    connection_.accept({ours, 1460, 8000, ring_, sizeof ring_}, syn);
    ASSERT_TRUE(next());
    EXPECT_TRUE(out_.selective);
    give(1, 1);
  }
  void give(uint32_t sequence, uint32_t acknowledged, const std::string& payload = "",
            std::vector<Block> blocks = {}) {
    Segment segment{.sequence = theirs + sequence,
                    .acknowledged = ours + acknowledged,
                    .window = 50'000,
                    .flags = Tcp::ack};
    for (const Block& block : blocks)
      segment.blocks[segment.block_count++] = {ours + block.from, ours + block.to};
    segment.length = static_cast<uint32_t>(payload.size());
    segment.payload = reinterpret_cast<const uint8_t*>(payload.data());
    connection_.receive(segment, now_, {this, [](void*, const uint8_t*, uint32_t) {}});
  }
  bool next() { return connection_.next(now_, out_); }
  // Of the segment at hand, from 1 on: "5-7 3-4 ".
  std::string blocks() const {
    std::string text;
    for (uint32_t i = 0; i < out_.block_count; i++)
      text += std::to_string(out_.blocks[i].from - theirs) + "-" +
              std::to_string(out_.blocks[i].to - theirs) + " ";
    return text;
  }

  Connection connection_;
  uint8_t ring_[1 << 14] = {};
  uint64_t now_ = ms;
  Segment out_;
};

TEST_F(Selective, blocks_tell_what_is_behind_a_gap_the_latest_first) {
  give(11, 1, "abcd");
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "11-15 ");
  give(31, 1, "abcd");
  give(21, 1, "abcd");
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "21-25 31-35 11-15 ");
  EXPECT_FALSE(next()) << "one acknowledgement tells of all";
  give(15, 1, "abcdef");  // joins two
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "11-25 31-35 ");
  give(1, 1, "0123456789");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.acknowledged, theirs + 25);
  EXPECT_EQ(blocks(), "31-35 ");
}

TEST_F(Selective, what_came_twice_is_told_once) {
  give(1, 1, "abcd");
  give(1, 1, "abcd");  // RFC 2883, 4.1
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "1-5 ");
  give(11, 1, "abcd");
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "11-15 ");
  give(11, 1, "abcd");
  ASSERT_TRUE(next());
  EXPECT_EQ(blocks(), "11-15 11-15 ");
}

TEST_F(Selective, more_ranges_than_blocks_are_told_of_in_part) {
  for (uint32_t at = 10; at < 100; at += 10) give(at, 1, "ab");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.block_count, most_blocks);
  EXPECT_FALSE(next());
}

TEST_F(Selective, data_goes_without_blocks_and_an_empty_one_follows) {
  connection_.offer(100);
  give(11, 1, "abcd");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 100u);
  EXPECT_EQ(blocks(), "");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 0u);
  EXPECT_EQ(blocks(), "11-15 ");
  EXPECT_FALSE(next());
}

TEST_F(Selective, only_what_is_missing_is_sent_again) {
  connection_.offer(10'000);
  while (next()) {
  }
  now_ += 10 * ms;
  give(1, 1001, "", {{4001, 10'001}, {2001, 3001}});
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 1000u);
  EXPECT_EQ(out_.length, 1000u);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 3000u);
  EXPECT_EQ(out_.length, 1000u);
  EXPECT_FALSE(next());
  EXPECT_EQ(connection_.resent(), 2u);
}

TEST_F(Selective, blocks_of_what_was_never_sent_mean_nothing) {
  connection_.offer(3000);
  while (next()) {
  }
  give(1, 1, "", {{2001, 90'001}, {3001, 2001}, {5001, 6001}});
  EXPECT_FALSE(next());
  EXPECT_EQ(connection_.resent(), 0u);
}

TEST_F(Selective, a_peer_that_throws_away_what_it_had_gets_it_again) {
  connection_.offer(5000);
  while (next()) {
  }
  now_ += 10 * ms;
  give(1, 1, "", {{1001, 5001}});
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 0u);
  now_ += 10 * ms;
  give(1, 1001);  // it had 1001 to 5000, and should have acknowledged them
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 1000u);
}

TEST_F(Selective, a_router_that_takes_less_makes_smaller_pieces) {
  connection_.offer(8000);
  while (next()) {
  }
  connection_.too_big(ours + 50'000, 600);
  EXPECT_EQ(connection_.mss(), 1000u) << "nothing of ours is there";
  connection_.too_big(ours + 1001, 1400);
  EXPECT_EQ(connection_.mss(), 1000u) << "that is no less";
  connection_.too_big(ours + 1001, 600);
  EXPECT_EQ(connection_.mss(), 600u);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 0u);
  EXPECT_EQ(connection_.resent(), 1u);
}

}  // namespace
}  // namespace vireo::vnf::tcp
