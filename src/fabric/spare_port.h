// SPDX-License-Identifier: Apache-2.0
// Makes the two ends of a port ahead of its use: operationally up, joined to nothing.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "host/netlink.h"
#include "model/instance.h"

namespace vireo {

struct SparePort {
  PortKind kind = PortKind::tap;
  int index = 0;                        // of the near end; the far end of a veth has the same
  Fd descriptor{};                      // tap, packet
  std::optional<Netlink> far{};         // veth: in the namespace of the far end
  std::string far_name{};               // veth
  bool found = false;                   // made by an earlier daemon
  bool adopted = false;                 // made by somebody else
  std::optional<SteadyTime> emptied{};  // of what came for another port before
};

struct SpareRequest {
  PortKind kind = PortKind::tap;
  int index = 0;
  std::string alias{};
  const Fd* fabric = nullptr;    // network namespaces
  const Fd* ends = nullptr;      // packet
  const Fd* instance = nullptr;  // veth
};

// On failure nothing is left. `fabric`: in the namespace of the near end.
Result<SparePort> make_spare_port(const SpareRequest& request, Netlink& fabric);

std::string near_name(int index);  // "vp1000"

// Why the spare, or what bears its id, cannot become the port.
Result<void> check_spare(const PortId& id, const SparePort& spare, bool bound,
                         const PortSpec& port);
// What the port's driver gets. After a restart the descriptor is with the keeper alone:
// Errc::unavailable.
Result<PortEndpoint> endpoint_of(const PortId& id, const SparePort& ends, const std::string& name);
// The same, with the descriptor itself: nobody else has it from then on.
Result<PortEndpoint> give_endpoint(const PortId& id, SparePort& ends, const std::string& name);
// Forgets the frames that wait in a tap or packet socket.
void drain(const Fd& descriptor);
// veth: gives the far end its name and what `plan` says (plan_far_end). `fabric`: of the near end.
Result<void> configure_far_end(SparePort& ends, Netlink& fabric, const std::string& name,
                               const NetlinkBatch& plan);
// Moves an interface into the fabric's namespace and raises it; its index there.
Result<int> adopt_interface(Netlink& fabric, const Fd& fabric_namespace,
                            const std::string& interface, const Fd& network_namespace, int index);

Error unknown_port(const PortId& id);
Error unknown_link(const PortSpec& port);

}  // namespace vireo
