// SPDX-License-Identifier: Apache-2.0
// The difference between what is applied and what is desired, as data and as `vireo plan` shows it.
#pragma once
#include <map>
#include <string>

#include "control/control.h"
#include "control/plan/planner.h"

namespace vireo {

// What the host has of a service now, by name.
struct Applied {
  std::map<std::string, Facets> links, functions;
  std::vector<std::string> chain;
};

std::vector<PlanChange> plan_changes(const Desired& desired, const Applied& applied,
                                     const std::string& fabric);

// The page that `vireo plan` prints.
std::string plan_text(const std::vector<PlanChange>& changes);

}  // namespace vireo
