// SPDX-License-Identifier: Apache-2.0
// Interfaces of the host join a link, and go back as they were. Each step may be repeated.
#pragma once
#include <string>

#include "fabric/bridge/uplink/host_interface.h"

namespace vireo {

struct UplinkPlace {
  Netlink* fabric = nullptr;
  Netlink* host = nullptr;
  const Fd* fabric_namespace = nullptr;
  const Fd* host_namespace = nullptr;
  std::string state_directory{};
};

struct UplinkTarget {
  std::string link{};
  int bridge = 0;
  unsigned mtu = 1500;
  int index = 0;  // for a veth that is made
};

// Moves the interface into the fabric's namespace and onto the bridge; its index there.
Result<int> take_interface(const UplinkPlace& place, const LinkRow& row, bool take,
                           const UplinkTarget& target);
// A veth between the link's bridge and a bridge of the host; the index of its near end.
Result<int> join_host_bridge(const UplinkPlace& place, const LinkRow& row,
                             const UplinkTarget& target);
// The way back of take_interface(). One that the fabric no longer has (it went back by itself when
// the namespace died) only gets what it had.
Result<void> give_back_interface(const UplinkPlace& place, const std::string& link);

}  // namespace vireo
