// SPDX-License-Identifier: Apache-2.0
// What the platform is told of the router's configuration and counters.
#pragma once
#include "vnf/fields.h"
#include "vnf/router/config.h"

namespace vireo::vnf::router_tables {

inline constexpr FieldTable route_fields[] = {
    {.name = "destination",
     .type = Field::prefix,
     .offset = offsetof(RouterRoute, destination),
     .required = true,
     .help = "where packets are to; the longest prefix that fits decides"},
    {.name = "via",
     .type = Field::ip,
     .offset = offsetof(RouterRoute, via),
     .required = true,
     .help = "the gateway, on one of the router's links"},
};

inline constexpr FieldTable fields[] = {
    refusals_field(offsetof(RouterConfig, refusals),
                   "own ICMP errors and resets in a second at most"),
    {.name = "routes",
     .type = Field::records,
     .offset = offsetof(RouterConfig, route_count),
     .size = sizeof(RouterRoute),
     .most = router_most_routes,
     .help = "beside its links and their gateways",
     .fields = route_fields,
     .field_count = array_size(route_fields)},
};
static_assert(offsetof(RouterConfig, routes) == offsetof(RouterConfig, route_count) + 8);

inline constexpr const char* counters[] = {
    "forwarded", "answered",   "neighbours", "unresolved",  "no_route",        "hop_limit",
    "too_big",   "not_for_us", "malformed",  "unsupported", "refusals_limited"};
static_assert(array_size(counters) == static_cast<uint32_t>(RouterCounter::count));

}  // namespace vireo::vnf::router_tables
