// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_record.h"

#include <fmt/format.h>

namespace vireo::bench {
namespace {

constexpr const char* driver_prefix = "start.vmm ";

}  // namespace

std::vector<PhaseTime> phases_of(const Json& operation) {
  std::vector<PhaseTime> phases;
  for (const Json& step : operation["steps"].items())
    for (const Json& phase : step["phases"].items())
      phases.push_back({phase["name"].text(), phase["ms"].number()});
  return phases;
}

std::string tier_of(const Json& operation) {
  for (const Json& step : operation["steps"].items())
    for (const Json& phase : step["phases"].items())
      if (phase["name"].text() == "start.vmm load") return phase["note"].text();
  return {};
}

std::string why_not_of_tier(const Json& operation, const std::string& tier) {
  const std::string found = tier_of(operation);
  if (found == tier) return {};
  return found.empty() ? "its record names no tier" : fmt::format("it was started as `{}`", found);
}

double driver_part(const std::vector<PhaseTime>& phases) {
  double sum = 0;
  for (const PhaseTime& phase : phases)
    if (phase.name.starts_with(driver_prefix)) sum += phase.ms;
  return sum;
}

}  // namespace vireo::bench
