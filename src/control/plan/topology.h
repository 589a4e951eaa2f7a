// SPDX-License-Identifier: Apache-2.0
// Who is connected with whom: the links of a service, named and implied by its chain, and every
// connection point on them. Pure.
//
// The chain runs from the outside (first) to the inside (last). Its functions have two ports: port0
// toward the element before, port1 toward the element after. Two functions side by side imply a
// link "A-B". Links that are joined by transparent functions share one *domain*: one set of
// subnets, which the one named link with subnets among them gives.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "model/descriptor.h"
#include "model/function_type.h"
#include "model/service.h"

namespace vireo {

// What the planner must know of a function's image to place it in a graph.
struct FunctionTraits {
  FunctionRole role = FunctionRole::endpoint;
  PortStyle style = PortStyle::stack;
  unsigned fewest_ports = 0;
  unsigned most_ports = 8;
};

struct Connection {
  size_t function = 0;                   // index in ServiceSpec::functions
  unsigned index = 0;                    // port0, port1, ...
  size_t link = 0;                       // index in Topology::links
  const PortRequest* request = nullptr;  // nothing in a chain
};

struct TopologyLink {
  std::string name;
  const LinkSpec* spec = nullptr;  // nothing for an implied link
  size_t domain = 0;
  std::string implied_between;  // "`fw` and `nat`", for messages
  SourcePlace place;
};

struct Topology {
  std::vector<TopologyLink> links;
  std::vector<Connection> ports;               // by function, then index
  std::vector<std::vector<IpPrefix>> subnets;  // by domain
};

// `service` must outlive the result. `traits` has one element for each function.
Topology plan_topology(const ServiceSpec& service, std::span<const FunctionTraits> traits,
                       std::vector<Finding>& findings);

}  // namespace vireo
