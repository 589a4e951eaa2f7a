// SPDX-License-Identifier: Apache-2.0
// A second opinion on checksums, for tests.
#pragma once
#include <gtest/gtest.h>

#include "vnf/testing.h"

namespace vireo::vnf::testing {

// Sums every word anew, with nothing of the code under test but the parser.
inline uint32_t plain_sum(const uint8_t* at, size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += i % 2 == 0 ? at[i] * 256u : at[i];
  return sum;
}
inline void expect_right_checksums(Outcome outcome) {
  Headers h = outcome.headers();
  ASSERT_TRUE(h.ip());
  const uint8_t* ip = h.data + h.network_offset;
  auto folded = [](uint32_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
  };
  if (h.network == Network::ipv4) {
    EXPECT_EQ(folded(plain_sum(ip, h.ipv4().header_length())), 0xffffu);
  }
  uint32_t sum = plain_sum(h.data + h.transport_offset, h.transport_bytes());
  if (h.transport != Transport::icmp)
    sum += plain_sum(h.source(), 2 * h.address_bytes()) + h.transport_bytes() + h.protocol;
  EXPECT_EQ(folded(sum), 0xffffu);
}

}  // namespace vireo::vnf::testing
