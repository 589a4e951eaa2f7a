// SPDX-License-Identifier: Apache-2.0
#include "base/net_address.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(NetAddress, text_round_trips) {
  for (const char* text : {"10.0.0.1", "2001:db8::1", "::", "255.255.255.255"})
    EXPECT_EQ(to_string(*parse_ip(text)), text);
  EXPECT_EQ(to_string(*parse_mac("02:00:ab:cd:ef:01")), "02:00:ab:cd:ef:01");
  EXPECT_EQ(to_string(*parse_prefix("10.20.0.0/16")), "10.20.0.0/16");
}

TEST(NetAddress, refuses_what_only_looks_like_one) {
  for (const char* text : {"", "10.0.0", "10.0.0.256", "1::2::3", "fe80::1%eth0"})
    EXPECT_FALSE(parse_ip(text)) << text;
  for (const char* text : {"", "02:00:00:00:00", "02-00-00-00-00-01", "0g:00:00:00:00:01"})
    EXPECT_FALSE(parse_mac(text)) << text;
  for (const char* text : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/ 8", "::/129"})
    EXPECT_FALSE(parse_prefix(text)) << text;
}

TEST(NetAddress, prefixes_know_their_members) {
  IpPrefix lan = *parse_prefix("10.20.0.0/24");
  EXPECT_TRUE(lan.is_network());
  EXPECT_FALSE(parse_prefix("10.20.0.1/24")->is_network());
  EXPECT_TRUE(lan.contains(*parse_ip("10.20.0.255")));
  EXPECT_FALSE(lan.contains(*parse_ip("10.20.1.0")));
  EXPECT_FALSE(lan.contains(*parse_ip("::1")));
  EXPECT_TRUE(lan.overlaps(*parse_prefix("10.0.0.0/8")));
  EXPECT_FALSE(lan.overlaps(*parse_prefix("10.21.0.0/16")));
  EXPECT_EQ(to_string(lan.broadcast()), "10.20.0.255");
}

TEST(NetAddress, plus_carries) {
  EXPECT_EQ(to_string(plus(*parse_ip("10.0.0.255"), 1)), "10.0.1.0");
  EXPECT_EQ(to_string(plus(*parse_ip("fd00::ffff"), 1)), "fd00::1:0");
}

}  // namespace
}  // namespace vireo
