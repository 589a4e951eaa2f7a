// SPDX-License-Identifier: Apache-2.0
// Chooses a technology for a function, and says why none will do. Pure.
#pragma once
#include <optional>
#include <span>

#include "control/plan/planner.h"

namespace vireo {

struct Placement {
  const TechnologyOffer* offer = nullptr;
  std::string note;  // what was passed over: "tinyx.kvm: not possible here: no kernel built"
};

// Nothing, with a finding, when no preference is possible here.
std::optional<Placement> place(const FunctionSpec& function,
                               std::span<const TechnologyOffer> technologies,
                               const std::string& service, std::vector<Finding>& findings);

// The kind of port for a function of this style that both sides take.
std::optional<PortKind> choose_port_kind(PortStyle style, const FabricInfo& fabric,
                                         const TechnologyOffer& offer);

// Functions, one by one and together, against what the host has; 0: not known.
void check_memory(const ServiceSpec& service, uint64_t host_memory, std::vector<Finding>& findings);

}  // namespace vireo
