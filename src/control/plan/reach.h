// SPDX-License-Identifier: Apache-2.0
// Which way traffic goes from each addressed port: gateways, neighbours, and what lies behind a
// transparent function. Pure.
#pragma once
#include <span>

#include "control/plan/addressing.h"

namespace vireo {

// A domain with more addressed ports than this seeds only routers and the host as neighbours.
inline constexpr size_t most_seeded_neighbours = 256;

void plan_gateways(const Topology& topology, std::span<const FunctionTraits> traits,
                   AddressedPorts& addressed);
void plan_reach(const Topology& topology, std::span<const FunctionTraits> traits,
                AddressedPorts& addressed);

}  // namespace vireo
