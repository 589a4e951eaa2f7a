// SPDX-License-Identifier: Apache-2.0
// The host's own interface on a link: a veth whose far end is in the host's network namespace.
#pragma once
#include <functional>
#include <string>

#include "fabric/fabric.h"
#include "host/netlink.h"

namespace vireo {

// Both namespaces, for what lies in each of them.
struct HostSide {
  Netlink* fabric = nullptr;
  Netlink* host = nullptr;
  const Fd* fabric_namespace = nullptr;
  const Fd* host_namespace = nullptr;
  std::string state_directory{};
};

// Makes an interface of the fabric's namespace part of its link, and labels it: the fabric's own.
using Join = std::function<Result<void>(int index, const std::string& alias)>;

struct HostEndRequest {
  LinkId link{};
  int index = 0;  // of the near end
  unsigned mtu = 1500;
  MacAddress mac{};  // zero: the kernel's choice
};

struct HostEnd {
  int index = 0;     // of the near end; 0: none
  std::string name;  // of the far end
};

// On failure nothing is left.
Result<HostEnd> make_host_end(const HostSide& side, const HostEndRequest& request,
                              const Join& join);
// Gives the far end what `wanted` says and `had` did not. May be repeated.
Result<void> address_host_end(Netlink& host, const HostEnd& end, const LinkRequest& had,
                              const LinkRequest& wanted);

}  // namespace vireo
