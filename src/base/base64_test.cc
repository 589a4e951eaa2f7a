// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(Base64, encodes_every_length) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, round_trips_all_bytes) {
  std::string bytes;
  for (int i = 0; i < 256; i++) bytes.push_back(static_cast<char>(i));
  for (size_t n = 0; n <= bytes.size(); n++)
    EXPECT_EQ(*from_base64(base64(bytes.substr(0, n))), bytes.substr(0, n));
}

TEST(Base64, refuses_what_is_not_base64) {
  for (const char* bad : {"Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9*", "Zm\n9"})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace vireo
