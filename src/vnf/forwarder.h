// SPDX-License-Identifier: Apache-2.0
// Passes every frame on unchanged between the ports of a pair: 0 and 1, 2 and 3, ... Transparent.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

class Forwarder {
 public:
  struct Config {};
  static constexpr FunctionTable table = {
      .name = "forwarder",
      .summary = "passes frames on unchanged between pairs of ports",
      .role = Role::transparent,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = max_ports,
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t) {}
};

}  // namespace vireo::vnf
