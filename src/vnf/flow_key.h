// SPDX-License-Identifier: Apache-2.0
// What packets of one flow have in common: addresses, protocol, ports.
#pragma once
#include "vnf/bytes.h"
#include "vnf/parse.h"

namespace vireo::vnf {

// Two ends; unused bytes are zero, so that keys are hashed and compared as bytes. It is a part of
// what functions export of their state: its form stays.
struct FlowKey {
  uint8_t address[2][16];
  uint16_t port[2];  // in the machine's order
  uint8_t protocol, family;
  uint8_t in;  // the port that it came in by, for those who tell flows by it
  uint8_t reserved;
};
static_assert(sizeof(FlowKey) == 40);

inline bool operator==(const FlowKey& a, const FlowKey& b) {
  return __builtin_memcmp(&a, &b, sizeof a) == 0;
}

// Of an IP packet: end 0 is its source. The ports of what is neither TCP nor UDP are zero.
inline FlowKey directed_key_of(const Headers& h) {
  FlowKey key = {};
  copy_bytes(key.address[0], h.source(), h.address_bytes());
  copy_bytes(key.address[1], h.destination(), h.address_bytes());
  if (h.transport == Transport::tcp || h.transport == Transport::udp) {
    key.port[0] = h.udp().source();  // at the same place in both
    key.port[1] = h.udp().destination();
  }
  key.protocol = h.protocol;
  key.family = h.family();
  return key;
}

// Puts the lesser end first, so that both directions have the same key; which one the source is
// now.
inline uint8_t put_in_order(FlowKey& key) {
  const int order = __builtin_memcmp(key.address[0], key.address[1], sizeof key.address[0]);
  if (order < 0 || (order == 0 && key.port[0] < key.port[1])) return 0;
  const FlowKey from = key;
  copy_bytes(key.address[0], from.address[1], sizeof key.address[0]);
  copy_bytes(key.address[1], from.address[0], sizeof key.address[1]);
  key.port[0] = from.port[1];
  key.port[1] = from.port[0];
  return 1;
}

}  // namespace vireo::vnf
