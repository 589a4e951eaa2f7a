// SPDX-License-Identifier: Apache-2.0
// What the record of an operation that started one function tells of the start. Pure.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "bench/row.h"

namespace vireo::bench {

std::vector<PhaseTime> phases_of(const Json& operation);
// How far the virtual machine was made ahead of the start: "rehearsed", "parked", "fork" or "cold";
// "" when no virtual machine was started.
std::string tier_of(const Json& operation);
// Why it was no start of that tier; "": it was one.
std::string why_not_of_tier(const Json& operation, const std::string& tier);
// The time of the parts that are the virtual machines' driver's own.
double driver_part(const std::vector<PhaseTime>& phases);

}  // namespace vireo::bench
