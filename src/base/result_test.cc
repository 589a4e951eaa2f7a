// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{Errc::invalid, "odd"};
  return n / 2;
}

Result<int> quarter(int n) {
  int h = TRY_IN("first half", half(n));
  return TRY(half(h));
}

TEST(Result, carries_the_value_or_the_error) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_EQ(quarter(5).error().message, "first half: odd");
  EXPECT_EQ(quarter(5).error().code, Errc::invalid);
}

TEST(Result, what_was_attempted_is_said_once) {
  const Error refused{Errc::denied, "start web-1: not allowed"};
  EXPECT_EQ(Error(refused).within("start web-1").message, "start web-1: not allowed");
  EXPECT_EQ(Error(refused).within("start web").message, "start web: start web-1: not allowed");
}

TEST(Result, system_error_names_the_attempt_and_the_reason) {
  Error error = system_error("cannot open /x", ENOENT);
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_EQ(error.message, "cannot open /x: No such file or directory");
}

}  // namespace
}  // namespace vireo
