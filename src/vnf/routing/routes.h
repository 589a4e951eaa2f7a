// SPDX-License-Identifier: Apache-2.0
// Where an address lies: on one of our links, behind a gateway, or here. Read from the identity
// page, which lives as long as the function.
#pragma once
#include "vnf/abi.h"
#include "vnf/parse.h"

namespace vireo::vnf {

class Routes {
 public:
  static constexpr uint8_t nowhere = 0xff;
  struct Hop {
    uint8_t port = nowhere;
    const uint8_t* address = nullptr;  // the destination itself, or a gateway
  };

  // `outside` is preferred for what no link knows.
  void configure(const Identity& identity, uint8_t outside) {
    identity_ = &identity;
    outside_ = outside;
  }

  // The port that has the address, or nowhere.
  uint8_t owner(Network network, const uint8_t* address) const;
  Hop next_hop(Network network, const uint8_t* destination) const;
  const uint8_t* address_of(uint8_t port, Network network) const;  // its first; nullptr: none
  uint32_t mtu(uint8_t port) const;
  const uint8_t* mac(uint8_t port) const { return identity_->ports[port].mac; }

 private:
  const Identity* identity_ = nullptr;
  uint8_t outside_ = 0;
};

}  // namespace vireo::vnf
