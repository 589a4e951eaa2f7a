// SPDX-License-Identifier: Apache-2.0
#include "vnf/nat/nat.h"

#include "vnf/nat/rewrite.h"

namespace vireo::vnf {
namespace {

// Addresses that no packet on its way through a router has.
bool odd_source(const Headers& h) {
  const uint8_t* at = h.source();
  if (h.network == Network::ipv4) return at[0] == 0 || at[0] == 127 || at[0] >= 224;
  return at[0] == 0xff || (load32(at) == 0 && load32(at + 4) == 0 && load32(at + 8) == 0);
}
bool link_only(const Headers& h) {
  const uint8_t* to = h.destination();
  if (h.network == Network::ipv4) return to[0] == 0 || to[0] == 127 || to[0] >= 224;
  const uint8_t* from = h.source();
  const bool local =
      (to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || (from[0] == 0xfe && (from[1] & 0xc0) == 0x80);
  return local || to[0] == 0xff || (load32(to) == 0 && load32(to + 4) == 0 && load32(to + 8) == 0);
}

// What the largest piece of the packet takes on the link: of a segmented one, each segment.
uint32_t largest_piece(const Packet& packet, const Headers& h) {
  const uint32_t whole = h.end - h.network_offset;
  if (packet.vnet->gso_type == vnet_gso_none || packet.vnet->gso_size == 0) return whole;
  uint32_t headers = h.transport_offset - h.network_offset;
  if (h.transport == Transport::tcp) headers += h.tcp().header_length();
  if (h.transport == Transport::udp) headers += udp_bytes;
  const uint32_t piece = headers + packet.vnet->gso_size;
  return piece < whole ? piece : whole;
}

}  // namespace

bool Nat::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  inside_ = config.inside;
  outside_ = static_cast<uint8_t>(inside_ ^ 1u);
  hairpin_ = config.hairpin != 0;
  limit_.set_rate(config.refusals);
  fragments_.set_key(hash_key_of(*context.identity));
  routes_.configure(*context.identity, outside_);
  outside_address_ = routes_.address_of(outside_, Network::ipv4);
  const char* fault = context.identity->port_count == 2 ? nullptr : "a NAT has two ports";
  if (fault == nullptr && inside_ > 1) fault = "`inside` names no port";
  if (fault == nullptr) fault = mappings_.configure(context, config);
  if (fault == nullptr && !neighbours_.configure(context)) fault = "no memory for neighbours";
  if (fault != nullptr) {
    context.fail(fault);
    return false;
  }
  if (outside_address_ != nullptr) mappings_.set_outside(outside_address_);
  return true;
}

void Nat::set_now(uint64_t now_ns) {
  now_ms_ = static_cast<int64_t>(now_ns / 1'000'000);
  mappings_.set_now(now_ms_);
  neighbours_.set_now(now_ms_);
}

void Nat::process(Batch& batch) {
  set_now(batch.now_ns);
  for (uint32_t i = 0; i < batch.count; i++) handle(batch.packets[i], batch);
  vitals_->flows = mappings_.size();
}

void Nat::tick(uint64_t now_ns) {
  set_now(now_ns);
  mappings_.sweep(4096);
  vitals_->flows = mappings_.size();
}

void Nat::drop(Packet& packet, DropReason reason, NatCounter counter) {
  count(counter);
  packet.out = to_nowhere;
  packet.drop = reason;
}

void Nat::handle(Packet& packet, Batch& batch) {
  Headers h;
  if (!parse(packet, h) || suspicious_fragment(h))
    return drop(packet, drop_malformed, NatCounter::malformed);
  if (h.vlan) return drop(packet, drop_unsupported, NatCounter::unsupported);
  const bool to_us = same_bytes(packet.data, routes_.mac(packet.in), 6);
  if (!to_us && !h.ethernet().multicast()) return drop(packet, drop_policy, NatCounter::not_for_us);
  if (neighbours_.take(packet, h)) return count(NatCounter::neighbours);
  if (!h.ip()) return drop(packet, drop_unsupported, NatCounter::unsupported);
  if (!to_us) return drop(packet, drop_policy, NatCounter::not_for_us);
  if (odd_source(h) || routes_.owner(h.network, h.source()) != Routes::nowhere)
    return drop(packet, drop_malformed, NatCounter::malformed);
  if (h.network == Network::ipv6) return handle6(packet, h, batch);
  if (ipv4_checksum(h.ipv4()) != h.ipv4().checksum())
    return drop(packet, drop_malformed, NatCounter::malformed);
  handle4(packet, h, batch);
}

void Nat::handle4(Packet& packet, const Headers& h, Batch& batch) {
  if (outside_address_ == nullptr) return drop(packet, drop_no_route, NatCounter::no_route);
  const uint8_t* to = h.destination();
  const bool to_outside = same_bytes(to, outside_address_, 4);
  if (packet.in == outside_) {
    // Private addresses are not reachable from outside, even for who knows them.
    if (!to_outside) return drop(packet, drop_policy, NatCounter::no_mapping);
    return from_outside(packet, h, batch);
  }
  if (to_outside) return hairpin(packet, h, batch);
  if (routes_.owner(Network::ipv4, to) != Routes::nowhere) return to_ourselves(packet, h);
  if (link_only(h)) return drop(packet, drop_no_route, NatCounter::no_route);
  from_inside(packet, h, batch);
}

void Nat::handle6(Packet& packet, const Headers& h, Batch& batch) {
  if (routes_.owner(Network::ipv6, h.destination()) != Routes::nowhere)
    return to_ourselves(packet, h);
  if (link_only(h)) return drop(packet, drop_no_route, NatCounter::no_route);
  const Routes::Hop hop = routes_.next_hop(Network::ipv6, h.destination());
  if (hop.port == Routes::nowhere) return drop(packet, drop_no_route, NatCounter::no_route);
  if (!may_cross(packet, h, hop.port)) return;
  count(NatCounter::routed);
  forward(packet, h, hop, batch);
}

void Nat::to_ourselves(Packet& packet, const Headers& h) {
  if (make_echo_reply(packet, h)) {
    count(NatCounter::answered);
    packet.out = packet.in;
    return;
  }
  if (h.transport == Transport::udp && packet.in == inside_) {
    const bool v4 = h.network == Network::ipv4;
    return refuse(
        packet, h,
        {v4 ? Icmp::unreachable : Icmp::unreachable6, v4 ? Icmp::code_port : Icmp::code_port6});
  }
  const bool resets = h.transport == Transport::tcp && packet.in == inside_ && may_be_refused(h) &&
                      (h.tcp().flags() & Tcp::rst) == 0 && limit_.take(now_ms_);
  if (!resets) return drop(packet, drop_policy, NatCounter::no_mapping);
  count(NatCounter::answered);
  make_reset(packet, h);
  packet.out = packet.in;
}

void Nat::from_outside(Packet& packet, const Headers& h, Batch& batch) {
  if (h.transport == Transport::icmp && h.icmp().type() == Icmp::echo_request)
    return to_ourselves(packet, h);
  if (!may_cross(packet, h, inside_)) return;
  const bool error = h.transport == Transport::icmp && h.icmp().type() != Icmp::echo_reply;
  if (!(error ? translate_error_in(packet, h) : translate_destination(packet, h))) return;
  const Routes::Hop hop = routes_.next_hop(Network::ipv4, h.destination());
  if (hop.port != inside_) return drop(packet, drop_no_route, NatCounter::no_route);
  count(error ? NatCounter::errors_translated : NatCounter::translated_in);
  forward(packet, h, hop, batch);
}

void Nat::from_inside(Packet& packet, const Headers& h, Batch& batch) {
  const Routes::Hop hop = routes_.next_hop(Network::ipv4, h.destination());
  if (hop.port == Routes::nowhere) return drop(packet, drop_no_route, NatCounter::no_route);
  if (!may_cross(packet, h, hop.port)) return;
  if (hop.port == inside_) {
    count(NatCounter::routed);
    return forward(packet, h, hop, batch);
  }
  const bool error = h.transport == Transport::icmp && h.icmp().type() != Icmp::echo_request;
  if (!(error ? translate_error_out(packet, h) : translate_source(packet, h))) return;
  count(error ? NatCounter::errors_translated : NatCounter::translated_out);
  forward(packet, h, hop, batch);
}

// RFC 4787 REQ-9: from one inside host to another by outside addresses.
void Nat::hairpin(Packet& packet, const Headers& h, Batch& batch) {
  const bool echo = h.transport == Transport::icmp;
  if (echo || !hairpin_) return to_ourselves(packet, h);
  if (!may_cross(packet, h, inside_)) return;
  // The target first: a packet to nobody must not make a mapping.
  if (mapping_for_destination(packet, h) == no_entry) return;
  if (!translate_source(packet, h) || !translate_destination(packet, h)) return;
  const Routes::Hop hop = routes_.next_hop(Network::ipv4, h.destination());
  if (hop.port != inside_) return drop(packet, drop_no_route, NatCounter::no_route);
  count(NatCounter::hairpinned);
  forward(packet, h, hop, batch);
}

bool Nat::may_cross(Packet& packet, const Headers& h, uint8_t out) {
  const bool v4 = h.network == Network::ipv4;
  const uint8_t limit = v4 ? h.ipv4().ttl() : h.ipv6().hop_limit();
  if (limit <= 1) {
    count(NatCounter::hop_limit);
    refuse(packet, h, {v4 ? Icmp::time_exceeded : Icmp::time_exceeded6, 0});
    return false;
  }
  const uint32_t mtu = routes_.mtu(out);
  if (largest_piece(packet, h) <= mtu) return true;
  count(NatCounter::too_big);
  if (v4)
    refuse(packet, h, {Icmp::unreachable, Icmp::code_needs_fragment, mtu});
  else
    refuse(packet, h, {Icmp::too_big6, 0, mtu});
  return false;
}

void Nat::refuse(Packet& packet, const Headers& h, const IcmpError& error) {
  packet.out = to_nowhere;
  packet.drop = drop_policy;
  const uint8_t* from = routes_.address_of(packet.in, h.network);
  if (from == nullptr || !may_be_refused(h)) return;
  if (!limit_.take(now_ms_)) return count(NatCounter::refusals_limited);
  make_icmp_error(packet, h, error, from);
  packet.out = packet.in;
}

void Nat::forward(Packet& packet, const Headers& h, const Routes::Hop& hop, Batch& batch) {
  const uint8_t* mac = neighbours_.find(hop.port, h.network, hop.address, batch);
  if (mac == nullptr) return drop(packet, drop_no_route, NatCounter::unresolved);
  if (h.network == Network::ipv4)
    decrement_ttl(h.ipv4());
  else
    h.ipv6().at[7]--;
  copy_bytes(packet.data, mac, 6);
  copy_bytes(packet.data + 6, routes_.mac(hop.port), 6);
  packet.out = hop.port;
}

}  // namespace vireo::vnf
