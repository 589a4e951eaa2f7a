// SPDX-License-Identifier: Apache-2.0
#include "vnf/routing/neighbours.h"

namespace vireo::vnf {
namespace {

constexpr uint8_t source_option = 1, target_option = 2;
constexpr uint32_t option_bytes = 8;

uint32_t bytes_of(Network network) { return network == Network::ipv4 ? 4 : 16; }

const AbiAddress* first_address(const AbiPort& port, uint8_t family) {
  for (uint32_t i = 0; i < port.address_count && i < max_addresses; i++)
    if (port.addresses[i].family == family) return &port.addresses[i];
  return nullptr;
}

// The link-layer address option, which comes first where somebody sends it.
bool has_option(const Headers& h, uint8_t type) {
  const uint8_t* at = h.icmp().at + nd_bytes;
  return h.transport_bytes() >= nd_bytes + option_bytes && at[0] == type && at[1] == 1;
}

void consume(Packet& packet) {
  packet.out = to_nowhere;
  packet.drop = drop_reason_count;  // taken, not dropped
}

}  // namespace

bool Neighbours::configure(const Context& context, Node node) {
  node_ = node;
  identity_ = context.identity;
  key_ = hash_key_of(*identity_);
  if (!entries_.reserve(context.memory, capacity)) return false;
  for (uint32_t p = 0; p < identity_->port_count; p++) {
    const AbiPort& port = identity_->ports[p];
    for (uint32_t i = 0; i < port.neighbour_count && i < max_neighbours; i++) {
      const AbiNeighbour& seed = port.neighbours[i];
      if (seed.address.family != 4 && seed.address.family != 6) continue;
      const Network network = seed.address.family == 4 ? Network::ipv4 : Network::ipv6;
      Entry* made = entry(key_of(static_cast<uint8_t>(p), network, seed.address.bytes), true);
      if (made == nullptr) continue;
      copy_bytes(made->mac, seed.mac, 6);
      made->state = State::permanent;
    }
  }
  return true;
}

Neighbours::Key Neighbours::key_of(uint8_t port, Network network, const uint8_t* address) {
  Key key = {};
  copy_bytes(key.address, address, bytes_of(network));
  key.port = port;
  key.family = family_of(network);
  return key;
}

Neighbours::Entry* Neighbours::entry(const Key& key, bool make) {
  const uint32_t hash = hash_of(key_, key);
  uint32_t at = entries_.find(hash, [&](const Entry& other) {
    return __builtin_memcmp(&other.key, &key, sizeof key) == 0;
  });
  if (at != no_entry) return &entries_[at];
  if (!make) return nullptr;
  bool evicted = !entries_.full();
  if (!evicted)
    entries_.sweep(64, [&](uint32_t old) {
      if (evicted || entries_[old].state == State::permanent) return;
      entries_.erase(hash_of(key_, entries_[old].key), old);
      evicted = true;
    });
  at = evicted ? entries_.insert(hash) : no_entry;
  if (at == no_entry) return nullptr;
  entries_[at].key = key;
  entries_[at].asked_ms = now_ms_ - ask_ms;
  return &entries_[at];
}

void Neighbours::learn(const Key& key, const uint8_t* mac, bool make) {
  if ((mac[0] & 1) != 0) return;
  Entry* known = entry(key, make);
  if (known == nullptr || known->state == State::permanent) return;
  copy_bytes(known->mac, mac, 6);
  known->known_ms = now_ms_;
  known->state = State::known;
}

bool Neighbours::ours(uint8_t port, Network network, const uint8_t* address) const {
  const AbiPort& at = identity_->ports[port];
  const uint8_t family = family_of(network);
  for (uint32_t i = 0; i < at.address_count && i < max_addresses; i++)
    if (at.addresses[i].family == family &&
        same_bytes(at.addresses[i].bytes, address, bytes_of(network)))
      return true;
  return false;
}

const uint8_t* Neighbours::find(uint8_t port, Network network, const uint8_t* address,
                                Batch& batch) {
  const Key key = key_of(port, network, address);
  Entry* known = entry(key, true);
  if (known == nullptr) return nullptr;
  if (known->state == State::permanent) return known->mac;
  const int64_t age = now_ms_ - known->known_ms;
  const bool usable = known->state == State::known && age <= lost_ms;
  if ((!usable || age > fresh_ms) && now_ms_ - known->asked_ms >= ask_ms) {
    known->asked_ms = now_ms_;
    ask(key, batch);
  }
  return usable ? known->mac : nullptr;
}

void Neighbours::ask(const Key& key, Batch& batch) {
  const bool possible = first_address(identity_->ports[key.port], key.family) != nullptr;
  if (!possible || batch.extra_count >= batch.extra_room) return;
  Packet& packet = batch.extra[batch.extra_count++];
  *packet.vnet = {};
  packet.out = key.port;
  if (key.family == 4) return write_arp_request(packet, key);
  write_solicitation(packet, key);
}

void Neighbours::write_arp_request(Packet& packet, const Key& key) {
  const AbiPort& port = identity_->ports[key.port];
  packet.length = ethernet_bytes + arp_bytes;
  __builtin_memset(packet.data, 0, packet.length);
  __builtin_memset(packet.data, 0xff, 6);
  const Ethernet ethernet{packet.data};
  copy_bytes(ethernet.source(), port.mac, 6);
  ethernet.set_type(ether_arp);
  const Arp arp{packet.data + ethernet_bytes};
  store16(arp.at, 1);
  store16(arp.at + 2, ether_ipv4);
  arp.at[4] = 6;
  arp.at[5] = 4;
  arp.set_operation(Arp::request);
  copy_bytes(arp.sender_mac(), port.mac, 6);
  copy_bytes(arp.sender_address(), first_address(port, 4)->bytes, 4);
  copy_bytes(arp.target_address(), key.address, 4);
}

void Neighbours::write_solicitation(Packet& packet, const Key& key) {
  const AbiPort& port = identity_->ports[key.port];
  packet.length = ethernet_bytes + ipv6_bytes + nd_bytes + option_bytes;
  __builtin_memset(packet.data, 0, packet.length);
  const uint8_t link[] = {0x33, 0x33, 0xff, key.address[13], key.address[14], key.address[15]};
  const Ethernet ethernet{packet.data};
  copy_bytes(ethernet.destination(), link, 6);
  copy_bytes(ethernet.source(), port.mac, 6);
  ethernet.set_type(ether_ipv6);
  const Ipv6 ip{packet.data + ethernet_bytes};
  ip.at[0] = 0x60;
  ip.set_payload_length(nd_bytes + option_bytes);
  ip.set_next_header(protocol_icmp6);
  ip.at[7] = 255;
  copy_bytes(ip.source(), first_address(port, 6)->bytes, 16);
  uint8_t* group = ip.destination();  // solicited-node: ff02::1:ffXX:XXXX
  group[0] = 0xff;
  group[1] = 2;
  group[11] = 1;
  group[12] = 0xff;
  copy_bytes(group + 13, key.address + 13, 3);
  const Icmp icmp{ip.at + ipv6_bytes};
  icmp.at[0] = Icmp::neighbour_solicitation;
  copy_bytes(icmp.target(), key.address, 16);
  icmp.at[nd_bytes] = source_option;
  icmp.at[nd_bytes + 1] = 1;
  copy_bytes(icmp.at + nd_bytes + 2, port.mac, 6);
  Headers h;
  if (parse(packet, h)) finish_transport_checksum(packet, h);
}

bool Neighbours::take(Packet& packet, const Headers& h) {
  if (h.network == Network::arp) return take_arp(packet, h);
  if (h.transport != Transport::icmp6 || h.fragment) return false;
  const uint8_t type = h.icmp().type();
  if (type != Icmp::neighbour_solicitation && type != Icmp::neighbour_advertisement) return false;
  return take_discovery(packet, h);
}

bool Neighbours::take_arp(Packet& packet, const Headers& h) {
  consume(packet);
  const Arp arp = h.arp();
  if (!arp.for_ipv4() || ours(packet.in, Network::ipv4, arp.sender_address())) return true;
  const bool to_us = ours(packet.in, Network::ipv4, arp.target_address());
  const bool request = arp.operation() == Arp::request;
  // RFC 5227: a probe has no sender address yet.
  const bool probe = load32(arp.sender_address()) == 0;
  if (!probe && (request || arp.operation() == Arp::reply))
    learn(key_of(packet.in, Network::ipv4, arp.sender_address()), arp.sender_mac(),
          to_us && request);
  if (!request || !to_us) return true;
  const uint8_t* mac = identity_->ports[packet.in].mac;
  arp.set_operation(Arp::reply);
  swap_bytes(arp.sender_address(), arp.target_address(), 4);
  copy_bytes(arp.target_mac(), arp.sender_mac(), 6);
  copy_bytes(arp.sender_mac(), mac, 6);
  copy_bytes(packet.data, packet.data + 6, 6);
  copy_bytes(packet.data + 6, mac, 6);
  packet.length = h.network_offset + arp_bytes;
  *packet.vnet = {};
  packet.out = packet.in;
  return true;
}

// RFC 4861, 7.1: what a node must check before it believes a message.
bool Neighbours::take_discovery(Packet& packet, const Headers& h) {
  consume(packet);
  if (h.ipv6().hop_limit() != 255 || h.icmp().code() != 0 || h.extended) return true;
  if (h.transport_bytes() < nd_bytes || !transport_checksum_valid(packet, h)) return true;
  const uint8_t* target = h.icmp().target();
  if (h.icmp().type() == Icmp::neighbour_advertisement) {
    if (has_option(h, target_option))
      learn(key_of(packet.in, Network::ipv6, target), h.icmp().at + nd_bytes + 2, false);
    return true;
  }
  if (!ours(packet.in, Network::ipv6, target)) return true;
  uint8_t any = 0;
  for (int i = 0; i < 16; i++) any = static_cast<uint8_t>(any | h.source()[i]);
  const bool probing = any == 0, option = has_option(h, source_option);
  if (h.source()[0] == 0xff || (probing && option)) return true;  // nonsense
  if (option) learn(key_of(packet.in, Network::ipv6, h.source()), h.icmp().at + nd_bytes + 2, true);
  answer_solicitation(packet, h, probing);
  return true;
}

// Who has no address yet looks for its duplicate: all nodes hear the answer (RFC 4861, 7.2.4).
void Neighbours::answer_solicitation(Packet& packet, const Headers& h, bool probing) {
  static constexpr uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
  constexpr uint32_t flag_router = 0x80000000, flag_solicited = 0x40000000,
                     flag_override = 0x20000000;
  const uint8_t* mac = identity_->ports[packet.in].mac;
  const Icmp icmp = h.icmp();
  copy_bytes(packet.data, probing ? all_nodes_mac : packet.data + 6, 6);
  copy_bytes(packet.data + 6, mac, 6);
  copy_bytes(h.destination(), probing ? all_nodes : h.source(), 16);
  copy_bytes(h.source(), icmp.target(), 16);
  icmp.at[0] = Icmp::neighbour_advertisement;
  icmp.set_rest((node_ == Node::router ? flag_router : 0) | (probing ? 0 : flag_solicited) |
                flag_override);
  icmp.at[nd_bytes] = target_option;
  icmp.at[nd_bytes + 1] = 1;  // eight bytes
  copy_bytes(icmp.at + nd_bytes + 2, mac, 6);
  h.ipv6().set_payload_length(nd_bytes + option_bytes);
  packet.length = h.transport_offset + nd_bytes + option_bytes;
  *packet.vnet = {};
  packet.out = packet.in;
  Headers answer;
  if (parse(packet, answer)) finish_transport_checksum(packet, answer);
}

}  // namespace vireo::vnf
