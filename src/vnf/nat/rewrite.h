// SPDX-License-Identifier: Apache-2.0
// Changing one end of an IPv4 packet, with all the checksums that it enters.
#pragma once
#include "vnf/checksum.h"

namespace vireo::vnf {

enum class End : uint8_t { source, destination };

// Port of one end, or the id of an echo.
inline uint16_t port_of(const Headers& h, End end) {
  if (h.transport == Transport::icmp) return h.icmp().id();
  return end == End::source ? h.tcp().source() : h.tcp().destination();
}

// The address of one end, and the checksum of the IP header. Gives what else must be told of it.
// Always inline: rewrite_end() is on the way of each packet.
[[gnu::always_inline]] inline SumChange rewrite_address(const Headers& h, End end,
                                                        const uint8_t* address) {
  SumChange change;
  uint8_t* at = end == End::source ? h.source() : h.destination();
  change.address(at, address, 4);
  copy_bytes(at, address, 4);
  update_ipv4_checksum(h.ipv4(), change);
  return change;
}

// `partial`: the transport checksum is left to the kernel. A later fragment has no port.
inline void rewrite_end(const Headers& h, End end, const uint8_t* address, uint16_t port,
                        bool partial) {
  SumChange change = rewrite_address(h, end, address);
  if (h.transport == Transport::none) return;
  const bool icmp = h.transport == Transport::icmp;
  uint8_t* field = h.data + h.transport_offset + (icmp ? 4 : end == End::source ? 0 : 2);
  change.word(load16(field), port);
  store16(field, port);
  if (icmp && partial) return;  // ICMP sums no pseudo header: the field does not change
  update_transport_checksum(h, change, partial);
}

}  // namespace vireo::vnf
