// SPDX-License-Identifier: Apache-2.0
// Typed views of protocol headers in place: each is a pointer to the first byte of a header, with
// getters and setters by name. A view reads only its header's fixed part; that this part lies
// inside the frame is what parse() (vnf/parse.h) has checked. Values are in host order; addresses
// are pointers to their bytes.
#pragma once
#include "vnf/bytes.h"

namespace vireo::vnf {

inline constexpr uint16_t ether_ipv4 = 0x0800, ether_arp = 0x0806, ether_ipv6 = 0x86dd,
                          ether_vlan = 0x8100, ether_qinq = 0x88a8;
inline constexpr uint8_t protocol_icmp = 1, protocol_tcp = 6, protocol_udp = 17,
                         protocol_icmp6 = 58, protocol_none6 = 59;
inline constexpr uint32_t ethernet_bytes = 14, arp_bytes = 28, ipv4_bytes = 20, ipv6_bytes = 40,
                          icmp_bytes = 8, tcp_bytes = 20, udp_bytes = 8, nd_bytes = 24;

struct Ethernet {
  uint8_t* at;
  uint8_t* destination() const { return at; }
  uint8_t* source() const { return at + 6; }
  uint16_t type() const { return load16(at + 12); }
  void set_type(uint16_t type) const { store16(at + 12, type); }
  bool multicast() const { return (at[0] & 1) != 0; }  // broadcast too
};

// RFC 826, for Ethernet and IPv4 only.
struct Arp {
  uint8_t* at;
  static constexpr uint16_t request = 1, reply = 2;
  bool for_ipv4() const {
    return load16(at) == 1 && load16(at + 2) == ether_ipv4 && at[4] == 6 && at[5] == 4;
  }
  uint16_t operation() const { return load16(at + 6); }
  void set_operation(uint16_t operation) const { store16(at + 6, operation); }
  uint8_t* sender_mac() const { return at + 8; }
  uint8_t* sender_address() const { return at + 14; }
  uint8_t* target_mac() const { return at + 18; }
  uint8_t* target_address() const { return at + 24; }
};

struct Ipv4 {
  uint8_t* at;
  static constexpr uint16_t dont_fragment = 0x4000, more_fragments = 0x2000;
  uint8_t version() const { return at[0] >> 4; }
  uint32_t header_length() const { return (at[0] & 15u) * 4u; }
  uint16_t total_length() const { return load16(at + 2); }
  void set_total_length(uint16_t length) const { store16(at + 2, length); }
  uint16_t id() const { return load16(at + 4); }
  void set_id(uint16_t id) const { store16(at + 4, id); }
  uint16_t fragment() const { return load16(at + 6); }  // flags and offset
  void set_fragment(uint16_t fragment) const { store16(at + 6, fragment); }
  uint32_t fragment_offset() const { return (load16(at + 6) & 0x1fffu) * 8u; }
  uint8_t ttl() const { return at[8]; }
  void set_ttl(uint8_t ttl) const { at[8] = ttl; }
  uint8_t protocol() const { return at[9]; }
  void set_protocol(uint8_t protocol) const { at[9] = protocol; }
  uint16_t checksum() const { return load16(at + 10); }
  void set_checksum(uint16_t checksum) const { store16(at + 10, checksum); }
  uint8_t* source() const { return at + 12; }
  uint8_t* destination() const { return at + 16; }
};

struct Ipv6 {
  uint8_t* at;
  uint8_t version() const { return at[0] >> 4; }
  uint16_t payload_length() const { return load16(at + 4); }
  void set_payload_length(uint16_t length) const { store16(at + 4, length); }
  uint8_t next_header() const { return at[6]; }
  void set_next_header(uint8_t next) const { at[6] = next; }
  uint8_t hop_limit() const { return at[7]; }
  void set_hop_limit(uint8_t limit) const { at[7] = limit; }
  uint8_t* source() const { return at + 8; }
  uint8_t* destination() const { return at + 24; }
};

// ICMP and ICMPv6: the same shape, other type numbers.
struct Icmp {
  uint8_t* at;
  static constexpr uint8_t echo_reply = 0, unreachable = 3, echo_request = 8, time_exceeded = 11,
                           parameter_problem = 12;
  static constexpr uint8_t unreachable6 = 1, too_big6 = 2, time_exceeded6 = 3,
                           parameter_problem6 = 4, echo_request6 = 128, echo_reply6 = 129,
                           neighbour_solicitation = 135, neighbour_advertisement = 136;
  static constexpr uint8_t code_host = 1, code_port = 3, code_needs_fragment = 4,
                           code_prohibited = 13, code_port6 = 4, code_prohibited6 = 1;
  uint8_t type() const { return at[0]; }
  void set_type(uint8_t type) const { at[0] = type; }
  uint8_t code() const { return at[1]; }
  void set_code(uint8_t code) const { at[1] = code; }
  uint16_t checksum() const { return load16(at + 2); }
  void set_checksum(uint16_t checksum) const { store16(at + 2, checksum); }
  uint16_t id() const { return load16(at + 4); }  // of echo
  void set_id(uint16_t id) const { store16(at + 4, id); }
  uint16_t sequence() const { return load16(at + 6); }
  uint32_t rest() const { return load32(at + 4); }  // of errors: unused, or the MTU
  void set_rest(uint32_t rest) const { store32(at + 4, rest); }
  uint8_t* target() const { return at + 8; }  // of neighbour discovery: 16 bytes, then options
};

struct Tcp {
  uint8_t* at;
  static constexpr uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;
  uint16_t source() const { return load16(at); }
  void set_source(uint16_t port) const { store16(at, port); }
  uint16_t destination() const { return load16(at + 2); }
  void set_destination(uint16_t port) const { store16(at + 2, port); }
  uint32_t sequence() const { return load32(at + 4); }
  void set_sequence(uint32_t sequence) const { store32(at + 4, sequence); }
  uint32_t acknowledged() const { return load32(at + 8); }
  void set_acknowledged(uint32_t sequence) const { store32(at + 8, sequence); }
  uint32_t header_length() const { return (at[12] >> 4) * 4u; }
  void set_header_length(uint32_t bytes) const { at[12] = static_cast<uint8_t>(bytes / 4 << 4); }
  uint8_t flags() const { return at[13]; }
  void set_flags(uint8_t flags) const { at[13] = flags; }
  void set_window(uint16_t window) const { store16(at + 14, window); }
  uint16_t checksum() const { return load16(at + 16); }
  void set_checksum(uint16_t checksum) const { store16(at + 16, checksum); }
  void set_urgent(uint16_t urgent) const { store16(at + 18, urgent); }
};

struct Udp {
  uint8_t* at;
  uint16_t source() const { return load16(at); }
  void set_source(uint16_t port) const { store16(at, port); }
  uint16_t destination() const { return load16(at + 2); }
  void set_destination(uint16_t port) const { store16(at + 2, port); }
  uint16_t length() const { return load16(at + 4); }
  void set_length(uint16_t length) const { store16(at + 4, length); }
  uint16_t checksum() const { return load16(at + 6); }
  void set_checksum(uint16_t checksum) const { store16(at + 6, checksum); }
};

}  // namespace vireo::vnf
