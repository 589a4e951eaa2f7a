// SPDX-License-Identifier: Apache-2.0
// The part of the NAT that changes packets.
#include "vnf/nat/nat.h"

namespace vireo::vnf {
namespace {

uint8_t flags_of(const Headers& h) {
  return h.transport == Transport::tcp ? h.tcp().flags() : uint8_t{0};
}

InsideEnd inside_end(const Headers& h, End end) {
  InsideEnd inside = {};
  copy_bytes(inside.address, end == End::source ? h.source() : h.destination(), 4);
  inside.port = port_of(h, end);
  inside.protocol = h.protocol;
  return inside;
}

bool translatable(const Headers& h) {
  switch (h.transport) {
    case Transport::tcp:
    case Transport::udp:
      return true;
    case Transport::icmp:
      return h.icmp().type() == Icmp::echo_request || h.icmp().type() == Icmp::echo_reply;
    default:
      return false;
  }
}

}  // namespace

uint32_t Nat::mapping_for_source(Packet& packet, const Headers& h) {
  if (h.fragment && h.fragment_offset != 0) return mapping_of_first(packet, h);
  if (!translatable(h)) {
    drop(packet, drop_unsupported, NatCounter::unsupported);
    return no_entry;
  }
  const InsideEnd inside = inside_end(h, End::source);
  uint32_t at = mappings_.find_inside(inside);
  if (at != no_entry) return at;
  auto why = Mappings::Refused::no;
  at = mappings_.make(inside, why);
  if (why == Mappings::Refused::table_full)
    drop(packet, drop_table_full, NatCounter::table_full);
  else if (why == Mappings::Refused::source_limit)
    drop(packet, drop_table_full, NatCounter::source_limit);
  else if (why == Mappings::Refused::no_port)
    drop(packet, drop_table_full, NatCounter::no_port);
  return at;
}

uint32_t Nat::mapping_for_destination(Packet& packet, const Headers& h) {
  if (h.fragment && h.fragment_offset != 0) return mapping_of_first(packet, h);
  if (!translatable(h)) {
    drop(packet, drop_unsupported, NatCounter::unsupported);
    return no_entry;
  }
  const uint32_t at = mappings_.find_outside(h.protocol, port_of(h, End::destination));
  if (at == no_entry) drop(packet, drop_policy, NatCounter::no_mapping);
  return at;
}

// Later fragments are found by what was decided for their first one: the mapping's outside port.
uint32_t Nat::mapping_of_first(Packet& packet, const Headers& h) {
  uint32_t port = 0;
  const bool seen = fragments_.find(h, now_ms_, port);
  const uint32_t at =
      seen ? mappings_.find_outside(h.protocol, static_cast<uint16_t>(port)) : no_entry;
  if (at == no_entry) drop(packet, drop_policy, NatCounter::stray_fragments);
  return at;
}

bool Nat::translate_source(Packet& packet, const Headers& h) {
  const uint32_t at = mapping_for_source(packet, h);
  if (at == no_entry) return false;
  const Mapping& mapping = mappings_[at];
  if (h.fragment && h.fragment_offset == 0) fragments_.remember(h, mapping.outside_port, now_ms_);
  mappings_.note(at, flags_of(h), true);
  rewrite_end(h, End::source, outside_address_, mapping.outside_port, partial_checksum(packet, h));
  return true;
}

bool Nat::translate_destination(Packet& packet, const Headers& h) {
  const uint32_t at = mapping_for_destination(packet, h);
  if (at == no_entry) return false;
  const Mapping& mapping = mappings_[at];
  if (h.fragment && h.fragment_offset == 0) fragments_.remember(h, mapping.outside_port, now_ms_);
  mappings_.note(at, flags_of(h), false);
  rewrite_end(h, End::destination, mapping.inside.address, mapping.inside.port,
              partial_checksum(packet, h));
  return true;
}

// The message is summed anew afterwards, so a damaged one must not get that far.
uint32_t Nat::mapping_for_quoted(Packet& packet, const Headers& h, Headers& quoted, End end) {
  uint32_t at = no_entry;
  if (packet.vnet->gso_type == vnet_gso_none && parse_quoted(h, quoted) &&
      transport_checksum_valid(packet, h) && translatable(quoted)) {
    if (end == End::destination)
      at = mappings_.find_inside(inside_end(quoted, end));
    else if (same_bytes(quoted.source(), outside_address_, 4))
      at = mappings_.find_outside(quoted.protocol, port_of(quoted, end));
  }
  if (at == no_entry) drop(packet, drop_policy, NatCounter::no_mapping);
  return at;
}

// RFC 5508 REQ-4: an error about a packet that we have translated goes to who sent it, and quotes
// what he sent.
bool Nat::translate_error_in(Packet& packet, const Headers& h) {
  Headers quoted;
  const uint32_t at = mapping_for_quoted(packet, h, quoted, End::source);
  if (at == no_entry) return false;
  const InsideEnd& inside = mappings_[at].inside;
  rewrite_end(quoted, End::source, inside.address, inside.port, false);
  rewrite_address(h, End::destination, inside.address);
  finish_transport_checksum(packet, h);
  return true;
}

// RFC 5508 REQ-5: an error of an inside host about a packet that came in.
bool Nat::translate_error_out(Packet& packet, const Headers& h) {
  Headers quoted;
  const uint32_t at = mapping_for_quoted(packet, h, quoted, End::destination);
  if (at == no_entry) return false;
  rewrite_end(quoted, End::destination, outside_address_, mappings_[at].outside_port, false);
  rewrite_address(h, End::source, outside_address_);
  finish_transport_checksum(packet, h);
  return true;
}

}  // namespace vireo::vnf
