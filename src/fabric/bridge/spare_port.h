// SPDX-License-Identifier: Apache-2.0
// Makes the two ends of a port ahead of its use: operationally up, joined to nothing.
#pragma once
#include <optional>
#include <string>

#include "base/fd.h"
#include "host/netlink.h"
#include "model/instance.h"

namespace vireo {

struct SparePort {
  PortKind kind = PortKind::tap;
  int index = 0;                 // of the near end; the far end of a veth has the same
  Fd descriptor{};               // tap, packet
  std::optional<Netlink> far{};  // veth: in the namespace of the far end
  std::string far_name{};        // veth
};

struct SpareRequest {
  PortKind kind = PortKind::tap;
  int index = 0;
  std::string alias{};
  const Fd* fabric = nullptr;    // network namespaces
  const Fd* ends = nullptr;      // packet
  const Fd* instance = nullptr;  // veth
};

// On failure nothing is left.
Result<SparePort> make_spare_port(const SpareRequest& request);

std::string near_name(int index);  // "vp1000"

}  // namespace vireo
