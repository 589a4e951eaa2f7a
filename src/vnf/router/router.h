// SPDX-License-Identifier: Apache-2.0
// A router of two to eight ports with static routes, IPv4 and IPv6: longest prefix match, hop
// limits, ICMP errors. It is a neighbour on each link: it answers ARP, neighbour discovery and
// ping. Its state is what it knows of its neighbours.
#pragma once
#include "vnf/router/fields.h"
#include "vnf/router/route_table.h"
#include "vnf/routing/router_core.h"

namespace vireo::vnf {

class Router : private RouterCore<RouterCounter> {
 public:
  using Config = RouterConfig;
  static constexpr FunctionTable table = {
      .name = "router",
      .summary = "routes between its links by longest prefix",
      .role = Role::routed,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = max_ports,
      .state_version = 1,
      .config_size = sizeof(Config),
      .fields = router_tables::fields,
      .field_count = array_size(router_tables::fields),
      .counters = router_tables::counters,
      .counter_count = array_size(router_tables::counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t now_ns) { set_core_now(now_ns); }
  void export_state(StateSink& sink) { neighbours_.export_state(sink); }
  bool import_state(StateSource& source) {
    return source.version == 1 && neighbours_.import_state(source);
  }

 private:
  void handle(Packet& packet, Batch& batch);

  RouteTable routes_by_prefix_;
};

}  // namespace vireo::vnf
