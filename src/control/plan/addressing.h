// SPDX-License-Identifier: Apache-2.0
// Gives every connection point its MAC, addresses, gateways, and what lies behind and beside it.
// Pure; what was allocated before is kept where it still fits.
//
// Gateways. A routed function's first port looks outside (its *upstream*), the others inside. The
// gateway of a domain is (1) the routed function that has an inner port there, else (2) the host's
// address there, else (3) a routed function whose first port is there. Endpoints take the gateway
// of the first of their ports that has one; a routed function takes, on its first port, (1) or (2).
#pragma once
#include <span>
#include <string>
#include <vector>

#include "control/plan/allocation.h"
#include "control/plan/topology.h"
#include "model/instance.h"

namespace vireo {

struct AddressedPorts {
  std::vector<PortSpec> ports;        // as Topology::ports; id, link and kind are left empty
  std::vector<MacAddress> host_macs;  // as Topology::links; zero where the host has no address
  Allocation allocation;              // of exactly the ports there are
};

// `owner` ("default/branch-office") makes MACs of different services differ.
AddressedPorts plan_addresses(const Topology& topology, const ServiceSpec& service,
                              std::span<const FunctionTraits> traits, const Allocation& before,
                              std::vector<Finding>& findings);

}  // namespace vireo
