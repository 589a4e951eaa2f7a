// SPDX-License-Identifier: Apache-2.0
#include "vnf/nat/nat.h"

namespace vireo::vnf {

bool Nat::configure(const Context& context, const Config& config) {
  inside_ = config.inside;
  outside_ = static_cast<uint8_t>(inside_ ^ 1u);
  hairpin_ = config.hairpin != 0;
  fragments_.set_key(hash_key_of(*context.identity));
  const char* fault = configure_core(context, outside_, config.refusals);
  outside_address_ = routes_.address_of(outside_, Network::ipv4);
  if (fault == nullptr && context.identity->port_count != 2) fault = "a NAT has two ports";
  if (fault == nullptr && inside_ > 1) fault = "`inside` names no port";
  if (fault == nullptr) fault = mappings_.configure(context, config);
  if (fault != nullptr) {
    context.fail(fault);
    return false;
  }
  if (outside_address_ != nullptr) mappings_.set_outside(outside_address_);
  return true;
}

void Nat::set_now(uint64_t now_ns) {
  set_core_now(now_ns);
  mappings_.set_now(now_ms_);
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

void Nat::export_state(StateSink& sink) {
  neighbours_.export_state(sink);
  mappings_.export_state(sink);
}

bool Nat::import_state(StateSource& source) {
  if (source.version > table.state_version) return false;
  if (source.version > 1 && !neighbours_.import_state(source)) return false;
  return mappings_.import_state(source);
}

void Nat::handle(Packet& packet, Batch& batch) {
  Headers h;
  if (!take_in(packet, h)) return;
  if (h.network == Network::ipv6) return handle6(packet, h, batch);
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
  RouterCore::to_ourselves(packet, h, packet.in == inside_, NatCounter::no_mapping);
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

}  // namespace vireo::vnf
