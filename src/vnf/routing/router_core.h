// SPDX-License-Identifier: Apache-2.0
// What every function that stands between links as a router does (RFC 1812, RFC 4443): takes what
// is for its MAC and may be forwarded, answers for its own addresses, counts the hop limit down,
// says what is wrong with a packet to its sender.
//
// `Counter` is the function's own enumeration, with at least: answered, neighbours, unresolved,
// no_route, hop_limit, too_big, not_for_us, malformed, unsupported, refusals_limited.
#pragma once
#include "vnf/fragment_cache.h"
#include "vnf/refusal.h"
#include "vnf/routing/neighbours.h"
#include "vnf/routing/routes.h"

namespace vireo::vnf {

// Addresses that no packet on its way through a router has.
inline bool odd_source(const Headers& h) {
  const uint8_t* at = h.source();
  if (h.network == Network::ipv4) return at[0] == 0 || at[0] == 127 || at[0] >= 224;
  return at[0] == 0xff || (load32(at) == 0 && load32(at + 4) == 0 && load32(at + 8) == 0);
}
inline bool link_only(const Headers& h) {
  const uint8_t* to = h.destination();
  if (h.network == Network::ipv4) return to[0] == 0 || to[0] == 127 || to[0] >= 224;
  const uint8_t* from = h.source();
  const bool local =
      (to[0] == 0xfe && (to[1] & 0xc0) == 0x80) || (from[0] == 0xfe && (from[1] & 0xc0) == 0x80);
  return local || to[0] == 0xff || (load32(to) == 0 && load32(to + 4) == 0 && load32(to + 8) == 0);
}

// What the largest piece of the packet takes on the link: of a segmented one, each segment.
inline uint32_t largest_piece(const Packet& packet, const Headers& h) {
  const uint32_t whole = h.end - h.network_offset;
  if (packet.vnet->gso_type == vnet_gso_none || packet.vnet->gso_size == 0) return whole;
  uint32_t headers = h.transport_offset - h.network_offset;
  if (h.transport == Transport::tcp) headers += h.tcp().header_length();
  if (h.transport == Transport::udp) headers += udp_bytes;
  const uint32_t piece = headers + packet.vnet->gso_size;
  return piece < whole ? piece : whole;
}

template <class Counter>
class RouterCore {
 protected:
  // `outside` as in Routes. A fault, or nullptr.
  const char* configure_core(const Context& context, uint8_t outside, uint32_t refusals) {
    vitals_ = context.vitals;
    limit_.set_rate(refusals);
    routes_.configure(*context.identity, outside);
    return neighbours_.configure(context, Neighbours::Node::router) ? nullptr
                                                                    : "no memory for neighbours";
  }
  void set_core_now(uint64_t now_ns) {
    now_ms_ = static_cast<int64_t>(now_ns / 1'000'000);
    neighbours_.set_now(now_ms_);
  }

  void count(Counter counter) { vitals_->counters[static_cast<uint32_t>(counter)]++; }
  void drop(Packet& packet, DropReason reason, Counter counter) {
    count(counter);
    packet.out = to_nowhere;
    packet.drop = static_cast<uint8_t>(reason);
  }

  // True: an IP packet to our MAC, whole and from who may send it. False: it has been dealt with.
  bool take_in(Packet& packet, Headers& h) {
    if (!parse(packet, h) || suspicious_fragment(h)) return fail(packet, Counter::malformed);
    if (h.vlan) return fail(packet, Counter::unsupported, drop_unsupported);
    const bool to_us = same_bytes(packet.data, routes_.mac(packet.in), 6);
    if (!to_us && !h.ethernet().multicast()) return fail(packet, Counter::not_for_us, drop_policy);
    if (neighbours_.take(packet, h)) {
      count(Counter::neighbours);
      return false;
    }
    if (!h.ip()) return fail(packet, Counter::unsupported, drop_unsupported);
    if (!to_us) return fail(packet, Counter::not_for_us, drop_policy);
    if (odd_source(h) || routes_.owner(h.network, h.source()) != Routes::nowhere)
      return fail(packet, Counter::malformed);
    const bool v4 = h.network == Network::ipv4;
    if (v4 && ipv4_checksum(h.ipv4()) != h.ipv4().checksum())
      return fail(packet, Counter::malformed);
    return true;
  }

  // To one of our addresses: echoes are answered; what else `refuses` is told so.
  void to_ourselves(Packet& packet, const Headers& h, bool refuses, Counter otherwise) {
    if (make_echo_reply(packet, h)) {
      count(Counter::answered);
      packet.out = packet.in;
      return;
    }
    if (h.transport == Transport::udp && refuses) {
      const bool v4 = h.network == Network::ipv4;
      return refuse(
          packet, h,
          {v4 ? Icmp::unreachable : Icmp::unreachable6, v4 ? Icmp::code_port : Icmp::code_port6});
    }
    const bool resets = h.transport == Transport::tcp && refuses && may_be_refused(h) &&
                        (h.tcp().flags() & Tcp::rst) == 0 && limit_.take(now_ms_);
    if (!resets) return drop(packet, drop_policy, otherwise);
    count(Counter::answered);
    make_reset(packet, h);
    packet.out = packet.in;
  }

  // Hop limit and size, judged before anything of the packet is changed.
  bool may_cross(Packet& packet, const Headers& h, uint8_t out) {
    const bool v4 = h.network == Network::ipv4;
    const uint8_t limit = v4 ? h.ipv4().ttl() : h.ipv6().hop_limit();
    if (limit <= 1) {
      count(Counter::hop_limit);
      refuse(packet, h, {v4 ? Icmp::time_exceeded : Icmp::time_exceeded6, 0});
      return false;
    }
    const uint32_t mtu = routes_.mtu(out);
    if (largest_piece(packet, h) <= mtu) return true;
    count(Counter::too_big);
    if (v4)
      refuse(packet, h, {Icmp::unreachable, Icmp::code_needs_fragment, mtu});
    else
      refuse(packet, h, {Icmp::too_big6, 0, mtu});
    return false;
  }

  void refuse(Packet& packet, const Headers& h, const IcmpError& error) {
    packet.out = to_nowhere;
    packet.drop = drop_policy;
    const uint8_t* from = routes_.address_of(packet.in, h.network);
    if (from == nullptr || !may_be_refused(h)) return;
    if (!limit_.take(now_ms_)) return count(Counter::refusals_limited);
    make_icmp_error(packet, h, error, from);
    packet.out = packet.in;
  }

  void forward(Packet& packet, const Headers& h, const Routes::Hop& hop, Batch& batch) {
    const uint8_t* mac = neighbours_.find(hop.port, h.network, hop.address, batch);
    if (mac == nullptr) return drop(packet, drop_no_route, Counter::unresolved);
    if (h.network == Network::ipv4)
      decrement_ttl(h.ipv4());
    else
      h.ipv6().at[7]--;
    copy_bytes(packet.data, mac, 6);
    copy_bytes(packet.data + 6, routes_.mac(hop.port), 6);
    packet.out = hop.port;
  }

  Vitals* vitals_ = nullptr;
  int64_t now_ms_ = 0;
  Routes routes_;
  Neighbours neighbours_;
  RefusalLimit limit_;

 private:
  bool fail(Packet& packet, Counter counter, DropReason reason = drop_malformed) {
    drop(packet, reason, counter);
    return false;
  }
};

}  // namespace vireo::vnf
