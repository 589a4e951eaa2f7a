// SPDX-License-Identifier: Apache-2.0
#include "vnf/refusal.h"

#include "vnf/ip_header.h"

namespace vireo::vnf {
namespace {

void clear_offloads(Packet& packet) { *packet.vnet = {}; }

// Puts `bytes` into the frame between the Ethernet and the IP header.
void grow_front(Packet& packet, uint32_t link_bytes, uint32_t bytes) {
  packet.data -= bytes;
  packet.length += bytes;
  for (uint32_t i = 0; i < link_bytes; i++) packet.data[i] = packet.data[i + bytes];
  packet.vnet = reinterpret_cast<VirtioNetHeader*>(packet.data - sizeof(VirtioNetHeader));
  clear_offloads(packet);
}

struct Ends {
  uint8_t source[16], destination[16];
};
Ends ends_of(const Headers& h) {
  Ends ends = {};
  copy_bytes(ends.source, h.source(), h.address_bytes());
  copy_bytes(ends.destination, h.destination(), h.address_bytes());
  return ends;
}

void finish(Packet& packet) {
  Headers h;
  if (parse(packet, h)) finish_transport_checksum(packet, h);
}

bool zero_or_multicast(const uint8_t* address, bool v4) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < (v4 ? 4u : 16u); i++) any = static_cast<uint8_t>(any | address[i]);
  return any == 0 || (v4 ? address[0] >= 224 || address[0] == 127 : address[0] == 0xff);
}

bool icmp_error_message(const Headers& h) {
  if (h.transport == Transport::icmp6) return h.icmp().type() < 128;
  if (h.transport != Transport::icmp) return false;
  const uint8_t type = h.icmp().type();
  return type != Icmp::echo_request && type != Icmp::echo_reply && (type < 13 || type > 18);
}

}  // namespace

bool may_be_refused(const Headers& h) {
  if (!h.ip() || h.ethernet().multicast() || icmp_error_message(h)) return false;
  if (h.fragment && h.fragment_offset != 0) return false;
  const bool v4 = h.network == Network::ipv4;
  return !zero_or_multicast(h.source(), v4) && !zero_or_multicast(h.destination(), v4);
}

void make_icmp_error(Packet& packet, const Headers& h, const IcmpError& error,
                     const uint8_t* from) {
  const bool v4 = h.network == Network::ipv4;
  // The quoted checksum should be one that its sender can check; of a segmented packet it cannot.
  if (partial_checksum(packet, h) && packet.vnet->gso_type == vnet_gso_none)
    finish_transport_checksum(packet, h);
  Ends ends = ends_of(h);
  swap_bytes(ends.source, ends.destination, 16);
  if (from != nullptr) copy_bytes(ends.source, from, h.address_bytes());
  const uint32_t header = v4 ? ipv4_bytes : ipv6_bytes;
  // RFC 1812, 4.3.2.3 and RFC 4443, 2.4(c): at most 576 and 1280 bytes in all.
  const uint32_t most = (v4 ? 576 : 1280) - header - icmp_bytes;
  const uint32_t whole = h.end - h.network_offset, quote = whole < most ? whole : most;
  packet.length = h.network_offset + quote;
  grow_front(packet, h.network_offset, header + icmp_bytes);
  swap_bytes(packet.data, packet.data + 6, 6);
  uint8_t* ip = packet.data + h.network_offset;
  const uint8_t protocol = v4 ? protocol_icmp : protocol_icmp6;
  write_ip_header(ip, h.network, protocol, icmp_bytes + quote, ends.source, ends.destination);
  const Icmp icmp{ip + header};
  __builtin_memset(icmp.at, 0, icmp_bytes);
  icmp.at[0] = error.type;
  icmp.at[1] = error.code;
  icmp.set_rest(error.rest);
  finish(packet);
}

void make_reset(Packet& packet, const Headers& h) {
  const Tcp from = h.tcp();
  const uint8_t flags = from.flags();
  const uint16_t source = from.source(), destination = from.destination();
  const bool acknowledges = (flags & Tcp::ack) != 0;
  const uint32_t sequence = acknowledges ? from.acknowledged() : 0;
  const uint32_t taken = h.transport_bytes() - from.header_length() +
                         ((flags & Tcp::syn) != 0 ? 1u : 0u) + ((flags & Tcp::fin) != 0 ? 1u : 0u);
  const uint32_t acknowledged = acknowledges ? 0 : from.sequence() + taken;
  Ends ends = ends_of(h);
  swap_bytes(ends.source, ends.destination, 16);
  const uint32_t header = h.network == Network::ipv4 ? ipv4_bytes : ipv6_bytes;
  uint8_t* ip = packet.data + h.network_offset;
  write_ip_header(ip, h.network, protocol_tcp, tcp_bytes, ends.source, ends.destination);
  const Tcp tcp{ip + header};
  __builtin_memset(tcp.at, 0, tcp_bytes);
  tcp.set_source(destination);
  tcp.set_destination(source);
  tcp.set_sequence(sequence);
  tcp.set_acknowledged(acknowledged);
  tcp.set_header_length(tcp_bytes);
  tcp.set_flags(static_cast<uint8_t>(acknowledges ? Tcp::rst : Tcp::rst | Tcp::ack));
  swap_bytes(packet.data, packet.data + 6, 6);
  packet.length = h.network_offset + header + tcp_bytes;
  clear_offloads(packet);
  finish(packet);
}

bool make_echo_reply(Packet& packet, const Headers& h) {
  const bool v4 = h.transport == Transport::icmp;
  if (!v4 && h.transport != Transport::icmp6) return false;
  const Icmp icmp = h.icmp();
  if (icmp.type() != (v4 ? Icmp::echo_request : Icmp::echo_request6) || h.fragment) return false;
  if (packet.vnet->gso_type != vnet_gso_none || !transport_checksum_valid(packet, h)) return false;
  icmp.at[0] = v4 ? Icmp::echo_reply : Icmp::echo_reply6;
  swap_bytes(h.source(), h.destination(), h.address_bytes());
  swap_bytes(packet.data, packet.data + 6, 6);
  if (v4) {
    h.ipv4().set_ttl(first_ttl);
    h.ipv4().set_checksum(ipv4_checksum(h.ipv4()));
  } else {
    h.ipv6().at[7] = first_ttl;
  }
  clear_offloads(packet);
  finish_transport_checksum(packet, h);
  return true;
}

}  // namespace vireo::vnf
