// SPDX-License-Identifier: Apache-2.0
// Headers of packets that a function makes itself.
#pragma once
#include "vnf/checksum.h"

namespace vireo::vnf {

inline constexpr uint8_t first_ttl = 64;  // of RFC 1700; RFC 1122, 3.2.1.7 asks for what is usual

// An IP header without options or extensions before `payload` bytes, with first_ttl; IPv4 is not to
// be fragmented, and its checksum is right. Addresses have 4 or 16 bytes; `id` is IPv4's.
inline void write_ip_header(uint8_t* at, Network network, uint8_t protocol, uint32_t payload,
                            const uint8_t* source, const uint8_t* destination, uint16_t id = 0) {
  if (network == Network::ipv4) {
    __builtin_memset(at, 0, ipv4_bytes);
    const Ipv4 ip{at};
    at[0] = 0x45;
    ip.set_total_length(static_cast<uint16_t>(ipv4_bytes + payload));
    ip.set_id(id);
    ip.set_fragment(Ipv4::dont_fragment);
    ip.set_ttl(first_ttl);
    ip.set_protocol(protocol);
    copy_bytes(ip.source(), source, 4);
    copy_bytes(ip.destination(), destination, 4);
    ip.set_checksum(ipv4_checksum(ip));
    return;
  }
  __builtin_memset(at, 0, ipv6_bytes);
  const Ipv6 ip{at};
  at[0] = 0x60;
  ip.set_payload_length(static_cast<uint16_t>(payload));
  ip.set_next_header(protocol);
  ip.set_hop_limit(first_ttl);
  copy_bytes(ip.source(), source, 16);
  copy_bytes(ip.destination(), destination, 16);
}

}  // namespace vireo::vnf
