// SPDX-License-Identifier: Apache-2.0
// Density: many services of one function each, started one after the other and left running. How
// long the start of one more takes against the number that run, what each costs in memory, what all
// cost idle, and how the platform answers with all of them there.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct DensityOptions {
  std::string program;     // vireod
  std::string technology;  // of the function, a responder with one port
  unsigned count = 200;
  double tolerance = 0.2;  // of the difference between the fall and the rise of available memory
  std::function<void(const std::string&)> progress;
  std::function<bool()> interrupted;  // asked before each start: what was measured until then stays
};
std::unique_ptr<Probe> make_density_probe(DensityOptions options);

}  // namespace vireo::bench
