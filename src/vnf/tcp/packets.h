// SPDX-License-Identifier: Apache-2.0
// Between segments and packets: a segment of an arrived packet, and a packet for a segment that
// leaves. Checksums are left to the device, and so is the cutting of a segment larger than the MSS
// (virtio 1.1, 5.1.6.2).
#pragma once
#include "vnf/checksum.h"
#include "vnf/tcp/segment.h"

namespace vireo::vnf::tcp {

// Room that the headers of a segment take at most: Ethernet, IPv6, TCP with all its options.
inline constexpr uint32_t most_header_bytes = ethernet_bytes + ipv6_bytes + tcp_bytes + 40;
// The largest payload of a segment: IPv4 and IPv6 count the datagram in 16 bits.
inline constexpr uint32_t most_payload = 65535 - ipv6_bytes - tcp_bytes;

// Of a whole TCP packet, whose payload stays where it is.
Segment segment_of(const Headers& h);

// Both ends of a connection, and the way to the other.
struct Path {
  uint8_t our_mac[6], their_mac[6];
  uint8_t our_address[16], their_address[16];  // IPv4: the first four bytes
  uint16_t our_port, their_port;
  Network network;
  uint8_t port;  // of the function
};

inline uint32_t ip_header_bytes(Network network) {
  return network == Network::ipv4 ? ipv4_bytes : ipv6_bytes;
}
// Writes the headers for a segment, cut into pieces of `mss`; its payload is the packet's rest, the
// caller's. `id`: of the IPv4 datagram.
void write_packet(Packet& packet, const Path& path, const Segment& segment, uint32_t mss,
                  uint16_t id);

}  // namespace vireo::vnf::tcp
