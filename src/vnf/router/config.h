// SPDX-License-Identifier: Apache-2.0
// The router's configuration.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

inline constexpr uint32_t router_most_routes = 10'000;

// The gateway decides by which link; it lies on one of them.
struct RouterRoute {
  AbiAddress destination;  // a prefix
  AbiAddress via;
};

struct RouterConfig {
  uint32_t refusals;  // ICMP errors and resets of its own in a second
  uint32_t reserved;
  uint32_t route_count, reserved2;
  RouterRoute routes[router_most_routes];
};
static_assert(sizeof(RouterConfig) <= max_config_bytes);

enum class RouterCounter : uint32_t {
  forwarded,
  answered,
  neighbours,
  unresolved,
  no_route,
  hop_limit,
  too_big,
  not_for_us,
  malformed,
  unsupported,
  refusals_limited,
  count
};

}  // namespace vireo::vnf
