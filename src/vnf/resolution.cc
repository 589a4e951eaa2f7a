// SPDX-License-Identifier: Apache-2.0
#include "vnf/resolution.h"

namespace vireo::vnf {

namespace {

constexpr uint32_t advertisement_bytes = nd_bytes + 8;  // with the target's link-layer address
constexpr uint32_t flag_solicited = 0x40000000, flag_override = 0x20000000;

bool answer_arp(Packet& packet, const Headers& h, const AbiPort& port) {
  const Arp arp = h.arp();
  if (!arp.for_ipv4() || arp.operation() != Arp::request) return false;
  if (!owns_address(port, 4, arp.target_address())) return false;
  copy_bytes(h.ethernet().destination(), arp.sender_mac(), 6);
  copy_bytes(h.ethernet().source(), port.mac, 6);
  arp.set_operation(Arp::reply);
  copy_bytes(arp.target_mac(), arp.sender_mac(), 6);
  copy_bytes(arp.sender_mac(), port.mac, 6);
  swap_bytes(arp.sender_address(), arp.target_address(), 4);
  packet.length = h.network_offset + arp_bytes;
  *packet.vnet = {};
  return true;
}

// RFC 4861, 7.1.1: from a neighbour (hop limit 255), code 0, whole, undamaged.
bool solicits(const Packet& packet, const Headers& h, const AbiPort& port) {
  if (h.transport != Transport::icmp6 || h.transport_bytes() < nd_bytes || h.fragment) return false;
  const Icmp icmp = h.icmp();
  return icmp.type() == Icmp::neighbour_solicitation && icmp.code() == 0 && !h.extended &&
         h.ipv6().hop_limit() == 255 && owns_address(port, 6, icmp.target()) &&
         transport_checksum_valid(packet, h);
}

void answer_solicitation(Packet& packet, const Headers& h, const AbiPort& port) {
  static constexpr uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
  static constexpr uint8_t unspecified[16] = {};
  const Icmp icmp = h.icmp();
  const Ipv6 ip = h.ipv6();
  // Who has no address yet looks for its duplicate: all nodes hear the answer (RFC 4861, 7.2.4).
  const bool probing = same_bytes(ip.source(), unspecified, 16);
  copy_bytes(h.ethernet().destination(), probing ? all_nodes_mac : h.ethernet().source(), 6);
  copy_bytes(h.ethernet().source(), port.mac, 6);
  copy_bytes(ip.destination(), probing ? all_nodes : ip.source(), 16);
  copy_bytes(ip.source(), icmp.target(), 16);
  ip.set_payload_length(advertisement_bytes);
  icmp.set_type(Icmp::neighbour_advertisement);
  icmp.set_rest(probing ? flag_override : flag_solicited | flag_override);
  uint8_t* option = icmp.at + nd_bytes;
  option[0] = 2;  // target link-layer address
  option[1] = 1;  // eight bytes
  copy_bytes(option + 2, port.mac, 6);
  packet.length = h.transport_offset + advertisement_bytes;
  *packet.vnet = {};
  Headers answer;
  if (parse(packet, answer)) finish_transport_checksum(packet, answer);
}

}  // namespace

bool owns_address(const AbiPort& port, uint8_t family, const uint8_t* address) {
  for (uint32_t i = 0; i < port.address_count && i < max_addresses; i++)
    if (port.addresses[i].family == family &&
        same_bytes(port.addresses[i].bytes, address, family == 4 ? 4 : 16))
      return true;
  return false;
}

bool reaches(const AbiPort& port, const Headers& h) {
  return h.ethernet().multicast() || same_bytes(h.ethernet().destination(), port.mac, 6);
}

bool answer_resolution(Packet& packet, const Headers& h, const AbiPort& port) {
  if (h.network == Network::arp) return answer_arp(packet, h, port);
  if (!solicits(packet, h, port)) return false;
  answer_solicitation(packet, h, port);
  return true;
}

}  // namespace vireo::vnf
