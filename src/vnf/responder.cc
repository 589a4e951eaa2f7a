// SPDX-License-Identifier: Apache-2.0
#include "vnf/responder.h"

#include "vnf/refusal.h"
#include "vnf/resolution.h"
#include "vnf/vitals.h"

namespace vireo::vnf {

namespace {
constexpr uint32_t mss_option_bytes = 4;
}  // namespace

bool Responder::configure(const Context& context, const Config& config) {
  identity_ = context.identity;
  vitals_ = context.vitals;
  config_ = config;
  return true;
}

void Responder::process(Batch& batch) {
  for (uint32_t i = 0; i < batch.count; i++) {
    Packet& packet = batch.packets[i];
    packet.out = to_nowhere;
    Headers h;
    if (!parse(packet, h)) {
      packet.drop = drop_malformed;
      continue;
    }
    packet.drop = drop_policy;
    if (answer(packet, h)) packet.out = packet.in;
  }
}

bool Responder::answer(Packet& packet, const Headers& h) {
  const AbiPort& port = identity_->ports[packet.in];
  if (!reaches(port, h)) return false;
  if (answer_resolution(packet, h, port)) return count(resolutions);
  const uint8_t family = h.family();
  if (!h.ip() || h.ethernet().multicast() || !owns_address(port, family, h.destination()))
    return false;
  if (h.extended || h.fragment) {
    packet.drop = drop_unsupported;
    return false;
  }
  if (h.transport == Transport::tcp) return answer_tcp(packet, h);
  return make_echo_reply(packet, h) && count(pings);
}

bool Responder::answer_tcp(Packet& packet, const Headers& h) {
  const uint8_t flags = h.tcp().flags();
  if ((flags & Tcp::rst) != 0 || !transport_checksum_valid(packet, h)) return false;
  const bool accepting = config_.mode == static_cast<uint8_t>(Mode::accept) &&
                         (config_.port == 0 || config_.port == h.tcp().destination());
  if (accepting && (flags & (Tcp::syn | Tcp::ack)) == Tcp::syn) {
    accept(packet, h);
    return count(accepts);
  }
  // The last step of the handshake that we began; no connection is kept, so data is refused.
  const bool empty = h.transport_bytes() == h.tcp().header_length();
  if (accepting && flags == Tcp::ack && empty) return false;
  make_reset(packet, h);
  return count(resets);
}

// The segment becomes its own SYN-ACK, with the same ports and IP header length.
void Responder::accept(Packet& packet, const Headers& h) {
  const Tcp tcp = h.tcp();
  const uint32_t sequence = first_sequence(h);
  const uint32_t bytes = tcp_bytes + mss_option_bytes;
  const bool v4 = h.network == Network::ipv4;
  swap_bytes(h.ethernet().destination(), h.ethernet().source(), 6);
  swap_bytes(h.source(), h.destination(), h.address_bytes());
  swap_bytes(tcp.at, tcp.at + 2, 2);
  tcp.set_acknowledged(tcp.sequence() + 1);
  tcp.set_sequence(sequence);
  tcp.set_header_length(bytes);
  tcp.set_flags(Tcp::syn | Tcp::ack);
  tcp.set_window(65535);
  tcp.set_urgent(0);
  tcp.at[tcp_bytes] = 2;  // maximum segment size, RFC 9293 3.2
  tcp.at[tcp_bytes + 1] = mss_option_bytes;
  store16(tcp.at + tcp_bytes + 2, v4 ? 1460 : 1440);
  if (v4) {
    h.ipv4().set_ttl(64);
    h.ipv4().set_total_length(static_cast<uint16_t>(ipv4_bytes + bytes));
    h.ipv4().set_checksum(ipv4_checksum(h.ipv4()));
  } else {
    h.ipv6().set_hop_limit(64);
    h.ipv6().set_payload_length(static_cast<uint16_t>(bytes));
  }
  packet.length = h.transport_offset + bytes;
  *packet.vnet = {};
  Headers answer;
  if (parse(packet, answer)) finish_transport_checksum(packet, answer);
}

// The same for a repeated SYN, another for every generation: nothing is remembered.
uint32_t Responder::first_sequence(const Headers& h) const {
  uint64_t mixed;
  __builtin_memcpy(&mixed, identity_->seed, sizeof mixed);
  auto mix = [&](const uint8_t* at, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) mixed = (mixed ^ at[i]) * 0x9e3779b97f4a7c15;
  };
  mix(h.source(), 2 * h.address_bytes());
  mix(h.tcp().at, 8);  // ports and sequence number
  return static_cast<uint32_t>(mixed >> 32);
}

bool Responder::count(Counter counter) {
  add(vitals_->counters[counter], 1);
  return true;
}

}  // namespace vireo::vnf
