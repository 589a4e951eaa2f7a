// SPDX-License-Identifier: Apache-2.0
// A frame as one line of text: what the suite compares and a person reads. Every field that a
// function could change is in it, and a checksum only when it is wrong:
//   udp 10.1.0.2:40000 > 10.2.0.2:80 ttl 63 data 16x5a
//   icmp 3.0 10.1.0.1 > 10.1.0.2 ttl 64 [udp 10.1.0.2:40000 > 10.9.0.1:80 ttl 64 data 16x5a]
#pragma once
#include <string>

#include "vnf/testing.h"

namespace vireo::behaviour {

using vnf::testing::Bytes;

// `own`: who sent it made it himself, and may choose identification, "don't fragment" and type of
// service as he likes (RFC 6864; RFC 1812, 4.3.2.5): these are left out. They are of every ICMP
// error. Ethernet addresses are the caller's business.
std::string describe(const Bytes& frame, bool own);

// The source address of an IP frame as text; "" for others.
std::string source_of(const Bytes& frame);

}  // namespace vireo::behaviour
