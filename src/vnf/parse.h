// SPDX-License-Identifier: Apache-2.0
// Where the headers of a frame are. parse() reads nothing beyond `length`, whatever the bytes say;
// after success every view of Headers lies inside the frame.
#pragma once
#include "vnf/headers.h"
#include "vnf/packet.h"

namespace vireo::vnf {

enum class Network : uint8_t { other, arp, ipv4, ipv6 };
inline uint8_t family_of(Network ip) { return ip == Network::ipv4 ? 4 : 6; }  // of the ABI
// none: no IP, a later fragment, or nothing that we know.
enum class Transport : uint8_t { none, icmp, icmp6, tcp, udp };

struct Headers {
  uint8_t* data = nullptr;
  uint32_t length = 0;  // of the frame
  Network network = Network::other;
  Transport transport = Transport::none;
  uint8_t protocol = 0;   // IP's, after IPv6 extension headers
  bool fragment = false;  // any fragment; `transport` is set only for the first one
  bool vlan = false;
  bool extended = false;    // IPv4 options or IPv6 extension headers are there
  uint16_t ether_type = 0;  // behind VLAN tags
  uint32_t network_offset = 0;
  uint32_t transport_offset = 0;  // first byte behind the IP headers; 0: not IP
  uint32_t end = 0;               // end of the IP datagram; the frame may be longer (padding)
  uint32_t fragment_offset = 0;   // bytes
  uint32_t fragment_id = 0;

  bool ip() const { return network == Network::ipv4 || network == Network::ipv6; }
  uint8_t family() const { return family_of(network); }  // of IP
  Ethernet ethernet() const { return {data}; }
  Arp arp() const { return {data + network_offset}; }
  Ipv4 ipv4() const { return {data + network_offset}; }
  Ipv6 ipv6() const { return {data + network_offset}; }
  Icmp icmp() const { return {data + transport_offset}; }
  Tcp tcp() const { return {data + transport_offset}; }
  Udp udp() const { return {data + transport_offset}; }
  uint32_t address_bytes() const { return network == Network::ipv4 ? 4 : 16; }
  uint8_t* source() const { return data + network_offset + (network == Network::ipv4 ? 12 : 8); }
  uint8_t* destination() const { return source() + address_bytes(); }
  uint32_t transport_bytes() const { return end - transport_offset; }
};

// A whole frame: headers and lengths must agree. A quoted one (inside an ICMP error) was cut short:
// its datagram may claim more than is there, and eight bytes of the transport header suffice.
enum class Extent : uint8_t { whole, quoted };

namespace parsing {

inline bool transport(Headers& h, Extent extent) {
  const uint32_t room = h.end - h.transport_offset;
  const bool whole = extent == Extent::whole;
  if (h.fragment && h.fragment_offset != 0) return true;
  switch (h.protocol) {
    case protocol_tcp:
      if (room < (whole ? tcp_bytes : 8)) return false;
      if (whole && (h.tcp().header_length() < tcp_bytes || h.tcp().header_length() > room))
        return false;
      h.transport = Transport::tcp;
      return true;
    case protocol_udp:
      if (room < udp_bytes) return false;
      if (whole && !h.fragment && (h.udp().length() < udp_bytes || h.udp().length() > room))
        return false;
      h.transport = Transport::udp;
      return true;
    case protocol_icmp:
    case protocol_icmp6:
      if ((h.protocol == protocol_icmp) != (h.network == Network::ipv4)) return true;
      if (room < icmp_bytes) return false;
      h.transport = h.protocol == protocol_icmp ? Transport::icmp : Transport::icmp6;
      return true;
    default:
      return true;
  }
}

// The datagram has `claimed` bytes from `from` on.
inline bool set_end(Headers& h, uint32_t from, uint32_t claimed, Extent extent) {
  const uint32_t room = h.length - from;
  if (claimed > room && extent == Extent::whole) return false;
  h.end = from + (claimed > room ? room : claimed);
  return true;
}

inline bool ipv4(Headers& h, Extent extent) {
  const uint32_t at = h.network_offset;
  if (h.length - at < ipv4_bytes) return false;
  const Ipv4 ip = h.ipv4();
  if (ip.version() != 4 || ip.header_length() < ipv4_bytes) return false;
  if (ip.header_length() > h.length - at || ip.total_length() < ip.header_length()) return false;
  if (!set_end(h, at, ip.total_length(), extent)) return false;
  h.network = Network::ipv4;
  h.protocol = ip.protocol();
  h.extended = ip.header_length() > ipv4_bytes;
  h.transport_offset = at + ip.header_length();
  h.fragment_offset = ip.fragment_offset();
  h.fragment = h.fragment_offset != 0 || (ip.fragment() & Ipv4::more_fragments) != 0;
  h.fragment_id = ip.id();
  return transport(h, extent);
}

// Walks hop-by-hop, routing, fragment, authentication and destination options; at most eight.
inline bool ipv6_extensions(Headers& h) {
  uint32_t at = h.network_offset + ipv6_bytes;
  uint8_t next = h.ipv6().next_header();
  for (int seen = 0;; seen++) {
    const bool options = next == 0 || next == 43 || next == 60;
    const bool known = options || next == 44 || next == 51;
    // Behind the head of a later fragment there is payload, not a header.
    if (!known || (h.fragment && h.fragment_offset != 0)) break;
    if (seen == 8 || h.end - at < 8) return false;
    const uint8_t* e = h.data + at;
    uint32_t size = 8;
    if (options) size = (e[1] + 1u) * 8u;
    if (next == 51) size = (e[1] + 2u) * 4u;
    if (size > h.end - at) return false;
    if (next == 44) {
      h.fragment_offset = load16(e + 2) & 0xfff8u;
      h.fragment = h.fragment_offset != 0 || (e[3] & 1) != 0;  // else an atomic one: RFC 6946
      h.fragment_id = load32(e + 4);
    }
    next = e[0];
    at += size;
    h.extended = true;
  }
  h.protocol = next;
  h.transport_offset = at;
  return true;
}

inline bool ipv6(Headers& h, Extent extent) {
  const uint32_t at = h.network_offset;
  if (h.length - at < ipv6_bytes || h.ipv6().version() != 6) return false;
  if (!set_end(h, at, ipv6_bytes + h.ipv6().payload_length(), extent)) return false;
  h.network = Network::ipv6;
  return ipv6_extensions(h) && transport(h, extent);
}

}  // namespace parsing

// What follows an Ethernet header, or what an ICMP error quotes: `ether_type` says which. Sets the
// network part of `h` only; `offset` must not exceed `h.length`.
inline bool parse_network(Headers& h, uint16_t ether_type, uint32_t offset, Extent extent) {
  h.ether_type = ether_type;
  h.network_offset = offset;
  if (ether_type == ether_ipv4) return parsing::ipv4(h, extent);
  if (ether_type == ether_ipv6) return parsing::ipv6(h, extent);
  if (ether_type == ether_arp) {
    if (h.length - offset < arp_bytes) return false;
    h.network = Network::arp;
  }
  return true;
}

// False: the frame contradicts itself or is cut short (drop_malformed).
inline bool parse(uint8_t* data, uint32_t length, Headers& h) {
  h = {};
  h.data = data;
  h.length = length;
  if (length < ethernet_bytes) return false;
  uint32_t offset = ethernet_bytes;
  uint16_t type = h.ethernet().type();
  for (int tags = 0; (type == ether_vlan || type == ether_qinq) && tags < 2; tags++) {
    if (length - offset < 4) return false;
    type = load16(data + offset + 2);
    offset += 4;
    h.vlan = true;
  }
  return parse_network(h, type, offset, Extent::whole);
}
inline bool parse(const Packet& packet, Headers& h) { return parse(packet.data, packet.length, h); }

// The packet that an ICMP or ICMPv6 error quotes. False: `outer` is no error, or the quote is
// unusable.
inline bool parse_quoted(const Headers& outer, Headers& quoted) {
  const bool v4 = outer.transport == Transport::icmp;
  if ((!v4 && outer.transport != Transport::icmp6) || outer.fragment) return false;
  const uint8_t type = outer.icmp().type();
  const bool error = v4 ? type == Icmp::unreachable || type == Icmp::time_exceeded ||
                              type == Icmp::parameter_problem
                        : type >= Icmp::unreachable6 && type <= Icmp::parameter_problem6;
  if (!error) return false;
  quoted = {};
  quoted.data = outer.data;
  quoted.length = outer.end;
  return parse_network(quoted, outer.ether_type, outer.transport_offset + icmp_bytes,
                       Extent::quoted);
}

}  // namespace vireo::vnf
