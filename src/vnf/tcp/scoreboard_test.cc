// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/scoreboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "vnf/tcp/rack.h"

namespace vireo::vnf::tcp {
namespace {

using Fate = Scoreboard::Fate;

// The same, position by position.
struct Model {
  std::vector<Fate> fates;
  uint64_t begin = 0;
  uint64_t count(Fate fate) const {
    return static_cast<uint64_t>(
        std::count(fates.begin() + static_cast<long>(begin), fates.end(), fate));
  }
};

class Board : public ::testing::Test {
 protected:
  void send(uint64_t bytes, uint64_t now) {
    board_.sent(board_.end() + bytes, now);
    model_.fates.resize(board_.end(), Fate::flying);
  }
  void arrive(uint64_t from, uint64_t to) {
    board_.arrived(from, to, [&](const Scoreboard::Run& run) { seen_ += run.bytes(); });
    for (uint64_t at = from; at < to; at++) model_.fates[at] = Fate::arrived;
  }
  void acknowledge(uint64_t position) {
    board_.acknowledge(position, [&](const Scoreboard::Run& run) { seen_ += run.bytes(); });
    model_.begin = position;
  }
  void resend(uint64_t from, uint64_t to, uint64_t now) {
    board_.resent(from, to, now);
    for (uint64_t at = from; at < to; at++) model_.fates[at] = Fate::flying;
  }
  void lose_all() {
    board_.lose_all();
    for (Fate& fate : model_.fates)
      if (fate == Fate::flying) fate = Fate::lost;
  }
  // Whole, in order, and adding up.
  void expect_sound() {
    uint64_t at = board_.begin(), sums[3] = {};
    for (uint32_t i = 0; i < board_.count(); i++) {
      const Scoreboard::Run& run = board_.runs()[i];
      ASSERT_EQ(run.from, at);
      ASSERT_LT(run.from, run.to);
      sums[static_cast<int>(run.fate)] += run.bytes();
      at = run.to;
    }
    ASSERT_EQ(at, board_.end());
    for (const Fate fate : {Fate::flying, Fate::arrived, Fate::lost})
      ASSERT_EQ(board_.bytes(fate), sums[static_cast<int>(fate)]);
  }
  void expect_like_model() {
    expect_sound();
    ASSERT_EQ(board_.begin(), model_.begin);
    for (const Fate fate : {Fate::flying, Fate::arrived, Fate::lost})
      ASSERT_EQ(board_.bytes(fate), model_.count(fate));
    for (uint32_t i = 0; i < board_.count(); i++)
      for (uint64_t at = board_.runs()[i].from; at < board_.runs()[i].to; at++)
        ASSERT_EQ(model_.fates[at], board_.runs()[i].fate) << at;
  }

  Scoreboard board_;
  Model model_;
  uint64_t seen_ = 0;
};

TEST_F(Board, does_as_a_model_does_position_by_position) {
  std::mt19937 random(5);
  auto below = [&](uint64_t most) { return random() % most; };
  for (uint64_t now = 1; now < 4000; now++) {
    const uint64_t begin = board_.begin(), size = board_.bytes();
    const uint64_t from = begin + (size > 0 ? below(size) : 0);
    const uint64_t to = from + (size > 0 ? below(begin + size - from) + 1 : 0);
    const uint64_t choice = below(10);
    if (size < 60 || choice < 3) {
      send(1 + below(9), now);
    } else if (choice < 6) {
      arrive(from, to);
    } else if (choice < 8) {
      acknowledge(from);
    } else if (choice == 8) {
      lose_all();
    } else if (const Scoreboard::Run* lost = board_.first_lost()) {
      resend(lost->from, lost->from + 1 + below(lost->bytes()), now);
    }
    if (board_.bytes() > 150) acknowledge(board_.end() - 40);
    ASSERT_NO_FATAL_FAILURE(expect_like_model()) << "step " << now;
  }
}

TEST_F(Board, stays_sound_when_there_are_more_runs_than_room) {
  for (uint64_t now = 1; now <= 1000; now++) send(10, now);
  for (uint64_t at = 0; at < 10'000; at += 20)
    board_.arrived(at + 5, at + 15, [&](const Scoreboard::Run& run) { seen_ += run.bytes(); });
  expect_sound();
  EXPECT_EQ(board_.bytes(Fate::arrived), seen_);
  EXPECT_GT(seen_, 0u);
  board_.lose_all();
  board_.resent(0, 1, 2000);
  expect_sound();
  board_.acknowledge(10'000, [](const Scoreboard::Run&) {});
  expect_sound();
  EXPECT_EQ(board_.count(), 0u);
}

TEST_F(Board, what_was_thrown_away_again_is_lost) {
  send(30, 1);
  arrive(10, 20);
  board_.forget_arrived();
  ASSERT_NE(board_.first_lost(), nullptr);
  EXPECT_EQ(board_.first_lost()->from, 10u);
  EXPECT_EQ(board_.bytes(Fate::lost), 10u);
  expect_sound();
}

class Overtaking : public Board {
 protected:
  static constexpr uint64_t ms = 1'000'000;
  void arrive_at(uint64_t from, uint64_t to, uint64_t now) {
    board_.arrived(from, to, [&](const Scoreboard::Run& run) { rack_.arrived(run, now); });
  }
  Rack rack_;
};

TEST_F(Overtaking, what_left_before_an_arrived_one_is_lost) {
  for (uint64_t i = 0; i < 4; i++) send(10, 1 + i * ms);
  arrive_at(20, 30, 12 * ms);
  EXPECT_EQ(rack_.detect(board_, true, 10 * ms, 12 * ms), never);
  EXPECT_EQ(board_.bytes(Fate::lost), 20u);
  EXPECT_EQ(board_.bytes(Fate::flying), 10u) << "the one behind left later";
}

TEST_F(Overtaking, a_little_is_waited_for_until_it_is_certain) {
  for (uint64_t i = 0; i < 2; i++) send(10, 1);
  arrive_at(10, 20, 8 * ms + 1);
  EXPECT_EQ(rack_.detect(board_, false, 8 * ms, 8 * ms + 1), 10 * ms + 1) << "a fourth more";
  EXPECT_EQ(board_.bytes(Fate::lost), 0u);
  EXPECT_EQ(rack_.detect(board_, false, 8 * ms, 10 * ms + 1), never);
  EXPECT_EQ(board_.bytes(Fate::lost), 10u);
}

TEST_F(Overtaking, what_is_lost_again_is_found_too) {
  send(10, 1);
  send(10, 1);
  arrive_at(10, 20, 5 * ms);
  rack_.detect(board_, true, 5 * ms, 5 * ms);
  board_.resent(0, 10, 5 * ms);
  send(10, 5 * ms);
  arrive_at(20, 30, 10 * ms + 1);
  rack_.detect(board_, true, 5 * ms, 10 * ms + 1);
  EXPECT_EQ(board_.bytes(Fate::lost), 10u);
}

TEST_F(Overtaking, new_data_of_the_same_moment_does_not_make_a_resent_one_lost) {
  send(10, 1);
  send(10, 1);
  arrive_at(10, 20, 5 * ms);
  rack_.detect(board_, true, 5 * ms, 5 * ms);
  send(10, 5 * ms);
  board_.resent(0, 10, 5 * ms);
  arrive_at(20, 30, 10 * ms);
  rack_.detect(board_, true, 5 * ms, 10 * ms);
  EXPECT_EQ(board_.bytes(Fate::lost), 0u);
}

}  // namespace
}  // namespace vireo::vnf::tcp
