// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/roll_call.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

TEST(RollCall, all_who_answered_are_all) {
  Tally tally(3);
  for (const unsigned number : {2u, 1u, 3u}) tally.note(number, {});
  auto all = tally.all();
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, 3u);
}

TEST(RollCall, the_first_by_number_that_is_missing_is_named) {
  Tally tally(4);
  tally.note(4, Error{Errc::timed_out, "silent"});
  tally.note(1, {});
  tally.note(2, Error{Errc::timed_out, "no echo reply came within a second"});
  tally.note(3, {});
  auto all = tally.all();
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().message,
            "2 of 4 answered; the first that did not is 2: no echo reply came within a second");
}

TEST(RollCall, whoever_was_not_asked_did_not_answer) {
  Tally tally(2);
  tally.note(1, {});
  EXPECT_FALSE(tally.all());
}

}  // namespace
}  // namespace vireo::bench
