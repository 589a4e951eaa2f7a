// SPDX-License-Identifier: Apache-2.0
#include "vnf/routing/routes.h"

namespace vireo::vnf {
namespace {

uint32_t count_of(const AbiPort& port) {
  return port.address_count < max_addresses ? port.address_count : max_addresses;
}

bool lies_in(const AbiAddress& prefix, const uint8_t* address) {
  const uint32_t whole = prefix.prefix_length / 8u, rest = prefix.prefix_length % 8u;
  if (!same_bytes(prefix.bytes, address, whole)) return false;
  return rest == 0 || ((prefix.bytes[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

}  // namespace

uint8_t Routes::owner(Network network, const uint8_t* address) const {
  const uint8_t family = family_of(network);
  for (uint8_t p = 0; p < identity_->port_count; p++)
    for (uint32_t i = 0; i < count_of(identity_->ports[p]); i++) {
      const AbiAddress& own = identity_->ports[p].addresses[i];
      if (own.family == family && same_bytes(own.bytes, address, family == 4 ? 4 : 16)) return p;
    }
  return nowhere;
}

Routes::Hop Routes::next_hop(Network network, const uint8_t* destination) const {
  const uint8_t family = family_of(network);
  Hop hop;
  int longest = -1;
  for (uint8_t p = 0; p < identity_->port_count; p++)
    for (uint32_t i = 0; i < count_of(identity_->ports[p]); i++) {
      const AbiAddress& link = identity_->ports[p].addresses[i];
      if (link.family != family || link.prefix_length <= longest) continue;
      if (link.prefix_length > (family == 4 ? 32 : 128) || !lies_in(link, destination)) continue;
      longest = link.prefix_length;
      hop = {p, destination};
    }
  for (uint8_t i = 0; i < 2 && hop.port == nowhere; i++) {
    const uint8_t p = static_cast<uint8_t>(outside_ ^ i);
    const AbiPort& port = identity_->ports[p];
    const AbiAddress& gateway = family == 4 ? port.gateway4 : port.gateway6;
    if (gateway.family == family) hop = {p, gateway.bytes};
  }
  return hop;
}

const uint8_t* Routes::address_of(uint8_t port, Network network) const {
  const AbiPort& at = identity_->ports[port];
  for (uint32_t i = 0; i < count_of(at); i++)
    if (at.addresses[i].family == family_of(network)) return at.addresses[i].bytes;
  return nullptr;
}

uint32_t Routes::mtu(uint8_t port) const {
  const uint32_t mtu = identity_->ports[port].mtu;
  return mtu == 0 ? 1500 : mtu;
}

}  // namespace vireo::vnf
