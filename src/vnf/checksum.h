// SPDX-License-Identifier: Apache-2.0
// Internet checksums (RFC 1071), their incremental update (RFC 1624), and the same for packets
// whose checksum the kernel has left partial.
//
// A packet with vnet_needs_csum carries in its checksum field only the folded sum of the pseudo
// header, not complemented; who segments or receives it adds the rest. So a change of an address
// changes that field, and a change of a port does not.
#pragma once
#include "vnf/parse.h"

namespace vireo::vnf {

inline uint16_t fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// The sum of the 16-bit words of `count` bytes; an odd last byte is padded with zero.
inline uint64_t sum_bytes(const uint8_t* at, uint32_t count) {
  uint64_t sum = 0;  // in memory order: a one's complement sum only needs one swap at its end
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, at, 8);
    sum += (word & 0xffffffff) + (word >> 32);
  }
  for (; count >= 2; at += 2, count -= 2) {
    uint16_t word;
    __builtin_memcpy(&word, at, 2);
    sum += word;
  }
  if (count != 0) sum += *at;
  return __builtin_bswap16(fold(sum));
}

inline uint64_t pseudo_sum(const Headers& h) {
  return sum_bytes(h.source(), 2 * h.address_bytes()) + h.transport_bytes() + h.protocol;
}

inline uint16_t ipv4_checksum(Ipv4 ip) {
  const uint64_t all = sum_bytes(ip.at, ip.header_length());
  return static_cast<uint16_t>(~fold(all + (0xffffu ^ ip.checksum())));
}

// Where the transport's checksum field is, from the transport header; 0: it has none.
inline uint32_t checksum_offset(Transport transport) {
  switch (transport) {
    case Transport::tcp:
      return 16;
    case Transport::udp:
      return 6;
    case Transport::icmp:
    case Transport::icmp6:
      return 2;
    default:
      return 0;
  }
}

// The checksum that the transport header of a whole, unfragmented datagram should carry. The field
// itself is left out of the sum.
inline uint16_t transport_checksum(const Headers& h) {
  const uint8_t* at = h.data + h.transport_offset;
  uint64_t sum = sum_bytes(at, h.transport_bytes());
  sum += 0xffffu ^ load16(at + checksum_offset(h.transport));
  if (h.transport != Transport::icmp) sum += pseudo_sum(h);
  const uint16_t result = static_cast<uint16_t>(~fold(sum));
  return h.transport == Transport::udp && result == 0 ? uint16_t{0xffff} : result;
}

inline bool partial_checksum(const Packet& packet, const Headers& h) {
  return (packet.vnet->flags & vnet_needs_csum) != 0 && h.transport != Transport::none &&
         packet.vnet->csum_start == h.transport_offset;
}

// Computes and stores the full checksum, and takes back a partial one. Not for segmented packets.
inline void finish_transport_checksum(Packet& packet, const Headers& h) {
  if (h.transport == Transport::none) return;
  store16(h.data + h.transport_offset + checksum_offset(h.transport), transport_checksum(h));
  packet.vnet->flags = static_cast<uint8_t>(packet.vnet->flags & ~vnet_needs_csum);
}

// False: the packet was damaged on its way. What the kernel vouches for is not summed again.
inline bool transport_checksum_valid(const Packet& packet, const Headers& h) {
  if (h.transport == Transport::none || h.fragment) return true;
  if ((packet.vnet->flags & (vnet_needs_csum | vnet_data_valid)) != 0) return true;
  const uint16_t field = load16(h.data + h.transport_offset + checksum_offset(h.transport));
  if (h.transport == Transport::udp && field == 0) return h.network == Network::ipv4;
  const uint16_t right = transport_checksum(h);
  return field == right || (field ^ right) == 0xffff;  // 0 and 0xffff are the same sum
}

// RFC 1624, equation 3: the checksum after words that summed to `from` now sum to `to`.
inline uint16_t updated_checksum(uint16_t checksum, uint64_t from, uint64_t to) {
  const uint64_t sum = (0xffffu ^ checksum) + (0xffffu ^ uint64_t{fold(from)}) + to;
  return static_cast<uint16_t>(~fold(sum));
}

// What a rewrite changed, collected before it is applied to the checksums it touches.
struct SumChange {
  uint64_t pseudo_from = 0, pseudo_to = 0;  // addresses: also part of IPv4's own header
  uint64_t body_from = 0, body_to = 0;      // ports, ICMP ids

  void address(const uint8_t* from, const uint8_t* to, uint32_t bytes) {
    pseudo_from += sum_bytes(from, bytes);
    pseudo_to += sum_bytes(to, bytes);
  }
  void word(uint16_t from, uint16_t to) {
    body_from += from;
    body_to += to;
  }
};

inline void update_ipv4_checksum(Ipv4 ip, const SumChange& change) {
  ip.set_checksum(updated_checksum(ip.checksum(), change.pseudo_from, change.pseudo_to));
}

// Brings the transport checksum of a packet, or of a quoted one (`partial` false), up to date. Of a
// later fragment there is none to change.
inline void update_transport_checksum(const Headers& h, const SumChange& change, bool partial) {
  const uint32_t offset = checksum_offset(h.transport);
  if (offset == 0 || offset + 2 > h.transport_bytes()) return;
  uint8_t* at = h.data + h.transport_offset + offset;
  const uint16_t old = load16(at);
  if (h.transport == Transport::udp && old == 0 && !partial) return;  // RFC 768: not used
  if (partial) {
    store16(at, fold(old + (0xffffu ^ uint64_t{fold(change.pseudo_from)}) + change.pseudo_to));
    return;
  }
  const bool pseudo = h.transport != Transport::icmp;
  uint16_t sum = updated_checksum(old, change.body_from + (pseudo ? change.pseudo_from : 0),
                                  change.body_to + (pseudo ? change.pseudo_to : 0));
  if (h.transport == Transport::udp && sum == 0) sum = 0xffff;
  store16(at, sum);
}

// One byte of the IPv4 header that is not an address: time to live.
inline void decrement_ttl(Ipv4 ip) {
  const uint16_t from = load16(ip.at + 8);
  ip.set_ttl(static_cast<uint8_t>(ip.ttl() - 1));
  ip.set_checksum(updated_checksum(ip.checksum(), from, load16(ip.at + 8)));
}

}  // namespace vireo::vnf
