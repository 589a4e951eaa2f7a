// SPDX-License-Identifier: Apache-2.0
// Round trip (draft, section 4.4): ICMP echo from the bench's namespace to the kernel's stack at
// the far end of a path. *idle*: one request every 10 ms; *flooded*: the next at each reply. A
// sample is the median of its round trips.
#pragma once
#include <memory>

#include "bench/probe.h"
#include "bench/probe/path.h"

namespace vireo::bench {

struct RoundTripOptions {
  unsigned idle = 50, flooded = 5000;  // requests in one sample
};
std::unique_ptr<Probe> make_round_trip_probe(std::shared_ptr<Path> path, RoundTripOptions options);

}  // namespace vireo::bench
