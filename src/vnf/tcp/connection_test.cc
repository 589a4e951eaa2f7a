// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/connection.h"

#include <gtest/gtest.h>

#include "vnf/tcp/wire_testing.h"

namespace vireo::vnf::tcp {
namespace {

using testing::Faults;
using testing::Wire;

constexpr uint64_t ms = 1'000'000;

void expect_all_arrived(Wire& wire) {
  EXPECT_TRUE(wire.ends[0].received == wire.ends[1].stream) << wire.ends[0].received.size();
  EXPECT_TRUE(wire.ends[1].received == wire.ends[0].stream) << wire.ends[1].received.size();
  for (const auto& end : wire.ends) {
    EXPECT_EQ(end.connection.state(), State::closed);
    EXPECT_EQ(end.connection.ending(), Ending::finished);
    EXPECT_EQ(end.connection.acknowledged_bytes(), end.stream.size());
  }
}

struct Weather {
  const char* name;
  Faults faults;
  size_t bytes;
  bool plain = false;
};

class OnEveryWire : public ::testing::TestWithParam<Weather> {};

// Both ways at once, across the wrap of the sequence numbers, with many seeds.
TEST_P(OnEveryWire, every_byte_arrives_once_and_both_ends_close) {
  for (uint64_t seed = 1; seed <= 10; seed++) {
    SCOPED_TRACE(seed);
    Wire wire(seed, GetParam().faults);
    wire.plain = GetParam().plain;
    wire.ends[0].stream = Wire::random_stream(GetParam().bytes, seed);
    wire.ends[1].stream = Wire::random_stream(GetParam().bytes / 2 + seed, seed + 1);
    wire.run();
    expect_all_arrived(wire);
    EXPECT_EQ(wire.lost > 0, GetParam().faults.loss > 0);
    if (::testing::Test::HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Tcp, OnEveryWire,
                         ::testing::Values(Weather{"clean", {}, 1'000'000},
                                           Weather{"loses_1_percent", {0.01, 0, 0}, 1'000'000},
                                           Weather{"loses_10_percent", {0.1, 0, 0}, 200'000},
                                           Weather{"loses_30_percent", {0.3, 0, 0}, 30'000},
                                           Weather{"doubles", {0, 0.2, 0}, 500'000},
                                           Weather{"reorders", {0, 0, 0.2}, 500'000},
                                           Weather{"all_at_once", {0.02, 0.05, 0.1}, 500'000},
                                           Weather{"plain_loses", {0.01, 0, 0}, 500'000, true},
                                           Weather{"plain_all", {0.02, 0.05, 0.1}, 300'000, true}),
                         [](const auto& weather) { return weather.param.name; });

// One direction only, so that what leaves can be counted.
class OneWay : public ::testing::Test {
 protected:
  void run(size_t bytes, Faults faults = {}) {
    wire_ = std::make_unique<Wire>(1, faults);
    wire_->ends[0].stream = Wire::random_stream(bytes, 9);
    wire_->ends[1].finishes_late = true;
    wire_->drop = drop_;
    wire_->run();
    expect_all_arrived(*wire_);
  }
  bool (*drop_)(const Segment&, int, uint64_t) = nullptr;
  std::unique_ptr<Wire> wire_;
};

TEST_F(OneWay, nothing_is_sent_twice_on_a_clean_wire) {
  run(1'000'000);
  EXPECT_EQ(wire_->ends[0].connection.resent(), 0u);
  EXPECT_EQ(wire_->ends[1].connection.resent(), 0u);
  EXPECT_EQ(wire_->refused, 0u);
}

// 100 segments of one MSS: at most every second one is acknowledged, and a bit.
TEST_F(OneWay, acknowledgements_are_delayed) {
  run(100 * 1460);
  EXPECT_LE(wire_->ends[1].empty, 58u);
}

TEST_F(OneWay, one_lost_segment_is_sent_again_fast) {
  drop_ = [](const Segment&, int, uint64_t number) { return number == 60; };
  run(500'000);
  EXPECT_EQ(wire_->lost, 1u);
  EXPECT_EQ(wire_->ends[0].connection.resent(), 1u);
  // The connection waits for its end 60 s; a time-out would have added 200 ms.
  EXPECT_LT(wire_->now_ns, Connection::time_wait_ns + 150 * ms);
}

// NewReno: a partial acknowledgement sends the next missing one, without a time-out each.
TEST_F(OneWay, several_lost_segments_of_one_window_need_no_timeout) {
  drop_ = [](const Segment&, int, uint64_t number) {
    return number == 60 || number == 62 || number == 65;
  };
  run(500'000);
  EXPECT_EQ(wire_->ends[0].connection.resent(), 3u);
  EXPECT_LT(wire_->now_ns, Connection::time_wait_ns + 150 * ms);
}

TEST_F(OneWay, a_lost_end_is_asked_for) {
  drop_ = [](const Segment& piece, int from, uint64_t number) {
    return from == 0 && piece.has(Tcp::fin) && number < 6;
  };
  run(3 * 1460);
  EXPECT_EQ(wire_->lost, 1u);
  EXPECT_LT(wire_->now_ns, Connection::time_wait_ns + 300 * ms);
}

TEST_F(OneWay, a_lost_handshake_begins_again) {
  drop_ = [](const Segment&, int, uint64_t number) { return number < 2; };
  run(5000);  // SYN lost twice
  EXPECT_GT(wire_->now_ns, Connection::time_wait_ns + 3000 * ms);
  drop_ = [](const Segment&, int, uint64_t number) { return number == 1 || number == 2; };
  run(5000);  // SYN-ACK lost
}

TEST_F(OneWay, an_empty_stream_opens_and_closes) { run(0); }

// An end alone, against segments made by hand.
class Alone : public ::testing::Test {
 protected:
  static constexpr uint32_t ours = 1000, theirs = 5000;
  void accept(uint16_t mss = 1000, uint8_t scale = no_scale) {
    Segment syn{.sequence = theirs, .window = 5000, .mss = mss, .flags = Tcp::syn, .scale = scale};
    connection_.accept({ours, 1460, 64 * 1460, ring_, sizeof ring_}, syn);
    ASSERT_TRUE(next());
    EXPECT_EQ(out_.flags, Tcp::syn | Tcp::ack);
    EXPECT_EQ(out_.acknowledged, theirs + 1);
    greeting_ = out_;
    give(Tcp::ack, 1, 1);
    EXPECT_EQ(connection_.state(), State::established);
  }
  // Sequence numbers relative to the two first ones.
  bool give(int flags, uint32_t sequence, uint32_t acknowledged, const std::string& payload = "") {
    const Segment segment{.sequence = theirs + sequence,
                          .acknowledged = ours + acknowledged,
                          .window = window_,
                          .flags = static_cast<uint8_t>(flags),
                          .length = static_cast<uint32_t>(payload.size()),
                          .payload = reinterpret_cast<const uint8_t*>(payload.data())};
    return connection_.receive(segment, now_, {this, take});
  }
  bool next() { return connection_.next(now_, out_); }
  static void take(void* context, const uint8_t* bytes, uint32_t count) {
    static_cast<Alone*>(context)->got_.append(reinterpret_cast<const char*>(bytes), count);
  }

  Connection connection_;
  uint8_t ring_[1 << 17] = {};
  uint16_t window_ = 5000;
  uint64_t now_ = 1;
  Segment out_, greeting_;
  std::string got_;
};

TEST_F(Alone, options_are_negotiated) {
  accept(1000, 7);
  EXPECT_EQ(greeting_.mss, 1460);
  EXPECT_EQ(greeting_.scale, 2);       // 128 KiB in 16 bits
  EXPECT_EQ(greeting_.window, 65535);  // never scaled in a SYN
  EXPECT_EQ(connection_.mss(), 1000u);
  give(Tcp::ack, 1, 1, "x");
  now_ += Receiver::delay_ns;
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.window, 1 << 15);
  connection_.offer(1'000'000);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 10'000u) << "the initial window; the peer's is 5000 * 2^7";
}

TEST_F(Alone, without_the_option_nothing_is_scaled) {
  accept(0);
  EXPECT_EQ(greeting_.scale, no_scale);
  EXPECT_EQ(connection_.mss(), fallback_mss);
  connection_.offer(1'000'000);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 5000u - 5000 % fallback_mss);
}

TEST_F(Alone, early_data_waits_and_is_acknowledged_at_once) {
  accept();
  give(Tcp::ack, 4, 1, "def");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.acknowledged, theirs + 1);
  give(Tcp::ack | Tcp::fin, 9, 1, "ij");
  EXPECT_EQ(got_, "");
  give(Tcp::ack, 1, 1, "abcd");  // overlaps
  EXPECT_EQ(got_, "abcdef");
  give(Tcp::ack, 5, 1, "efghij");
  EXPECT_EQ(got_, "abcdefghij");
  EXPECT_EQ(connection_.state(), State::close_wait);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.acknowledged, theirs + 12);
  EXPECT_FALSE(next());
}

TEST_F(Alone, early_segments_that_come_together_are_each_acknowledged) {
  accept();
  for (uint32_t at : {3u, 5u, 7u}) give(Tcp::ack, at, 1, "xy");
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(next()) << i;
    EXPECT_EQ(out_.acknowledged, theirs + 1);
  }
  EXPECT_FALSE(next());
  give(Tcp::ack, 11, 1, "xy");
  give(Tcp::ack, 1, 1, "ab");  // fills a gap: once, and for all
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.acknowledged, theirs + 9);
  EXPECT_FALSE(next());
}

TEST_F(Alone, only_the_exact_reset_resets) {
  accept();
  EXPECT_TRUE(give(Tcp::rst, 3, 0));
  EXPECT_EQ(connection_.state(), State::established);
  ASSERT_TRUE(next());  // RFC 5961: asked about
  EXPECT_EQ(out_.flags, Tcp::ack);
  give(Tcp::rst, 500'000, 0);  // outside of the window
  EXPECT_FALSE(next());
  give(Tcp::rst, 1, 0);
  EXPECT_EQ(connection_.state(), State::closed);
  EXPECT_EQ(connection_.ending(), Ending::reset);
  EXPECT_FALSE(give(Tcp::ack, 1, 1)) << "answered with a reset";
  EXPECT_TRUE(give(Tcp::rst, 1, 1)) << "not a reset for a reset";
}

TEST_F(Alone, a_syn_in_the_middle_is_asked_about) {
  accept();
  EXPECT_TRUE(give(Tcp::syn, 1, 0));
  EXPECT_EQ(connection_.state(), State::established);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.flags, Tcp::ack);
}

TEST_F(Alone, an_acknowledgement_of_the_future_is_not_taken) {
  accept();
  connection_.offer(100);
  ASSERT_TRUE(next());
  give(Tcp::ack, 1, 102, "x");
  EXPECT_EQ(connection_.acknowledged_bytes(), 0u);
  EXPECT_EQ(got_, "");
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 0u);
}

TEST_F(Alone, two_ends_that_miss_data_do_not_answer_each_other_for_ever) {
  accept();
  give(Tcp::ack, 100, 1);  // empty, behind a gap
  EXPECT_FALSE(next());
}

TEST_F(Alone, a_closed_window_is_probed_and_opens_again) {
  accept();
  connection_.offer(8000);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.length, 5000u);
  EXPECT_FALSE(next());
  window_ = 0;
  give(Tcp::ack, 1, 5001);
  EXPECT_FALSE(next());
  for (int probe = 0; probe < 20; probe++) {  // as long as the peer answers
    now_ = connection_.due();
    ASSERT_LT(now_, never);
    ASSERT_TRUE(next()) << probe;
    EXPECT_EQ(out_.length, 1u);
    EXPECT_EQ(out_.offset, 5000u);
    give(Tcp::ack, 1, 5001);
    EXPECT_FALSE(next());
  }
  window_ = 5000;
  give(Tcp::ack, 1, 5001);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.offset, 5000u);
  EXPECT_EQ(out_.length, 3000u);
}

TEST_F(Alone, a_silent_peer_is_given_up) {
  accept();
  connection_.offer(100);
  int sent = 0;
  for (; connection_.state() != State::closed && sent < 100; now_ = connection_.due())
    while (next()) sent++;
  EXPECT_EQ(connection_.ending(), Ending::timed_out);
  EXPECT_EQ(sent, 11);
  EXPECT_EQ(connection_.due(), never);
}

TEST_F(Alone, abort_resets_the_peer) {
  accept();
  connection_.abort();
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.flags, Tcp::rst | Tcp::ack);
  EXPECT_EQ(out_.sequence, ours + 1);
  EXPECT_FALSE(next());
}

TEST_F(Alone, time_wait_answers_a_repeated_fin_and_gives_way_to_a_new_call) {
  accept();
  connection_.finish();
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.flags, Tcp::fin | Tcp::ack);
  EXPECT_EQ(connection_.state(), State::fin_wait_1);
  give(Tcp::ack, 1, 2);
  EXPECT_EQ(connection_.state(), State::fin_wait_2);
  give(Tcp::ack | Tcp::fin, 1, 2);
  EXPECT_EQ(connection_.state(), State::time_wait);
  ASSERT_TRUE(next());
  give(Tcp::ack | Tcp::fin, 1, 2);
  ASSERT_TRUE(next());
  EXPECT_EQ(out_.acknowledged, theirs + 2);
  EXPECT_FALSE(connection_.gives_way_to({.sequence = theirs}));
  EXPECT_TRUE(connection_.gives_way_to({.sequence = theirs + 9}));
  now_ = connection_.due();
  EXPECT_FALSE(next());
  EXPECT_EQ(connection_.state(), State::closed);
}

TEST(Call, both_at_once_meet) {
  Wire wire(1, {});
  for (int end : {0, 1}) {
    wire.ends[end].stream = Wire::random_stream(50'000, static_cast<uint64_t>(end));
    wire.ends[end].connection.connect(wire.setup(end, 100));
    wire.start(end);
  }
  wire.run_until(3600'000 * ms);
  expect_all_arrived(wire);
}

TEST(Call, a_reset_refuses_it) {
  Connection connection;
  uint8_t ring[1024];
  connection.connect({9, 1460, 1460, ring, sizeof ring});
  Segment out;
  ASSERT_TRUE(connection.next(1, out));
  EXPECT_EQ(out.flags, Tcp::syn);
  const Taker nobody{nullptr, [](void*, const uint8_t*, uint32_t) {}};
  connection.receive({.acknowledged = 9, .flags = Tcp::rst | Tcp::ack}, 1, nobody);
  EXPECT_EQ(connection.state(), State::syn_sent) << "for another call";
  connection.receive({.acknowledged = 10, .flags = Tcp::rst | Tcp::ack}, 1, nobody);
  EXPECT_EQ(connection.ending(), Ending::refused);
}

}  // namespace
}  // namespace vireo::vnf::tcp
