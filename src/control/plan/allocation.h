// SPDX-License-Identifier: Apache-2.0
// What was given to the connection points of a service: MACs and addresses that the user left open.
// Kept in the store, so that they survive edits, replacements and restarts.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"

namespace vireo {

struct PortAllocation {
  MacAddress mac;
  std::vector<IpAddress> addresses;
  bool operator==(const PortAllocation&) const = default;
};

struct Allocation {
  // By "FUNCTION:portN"; the host's interface on a link is "@LINK".
  std::map<std::string, PortAllocation> ports;
  bool operator==(const Allocation&) const = default;
};

std::string to_json(const Allocation& allocation);
Result<Allocation> allocation_from_json(std::string_view json);

// A locally administered unicast MAC, the same for the same name and try.
MacAddress mac_for(std::string_view name, unsigned attempt);

}  // namespace vireo
