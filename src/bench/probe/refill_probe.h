// SPDX-License-Identifier: Apache-2.0
// Refill: how many virtual machines the pool makes ready a second, below 500 of them alive. Loaded
// spares are all used at once; what GET /metrics tells of those that come after them is the figure.
#pragma once
#include <memory>

#include "bench/probe.h"
#include "bench/probe/spares.h"

namespace vireo::bench {

// Another technology than Spares::technology is "not run".
std::unique_ptr<Probe> make_refill_probe(std::string technology, SparesOptions options);

struct Refill {
  std::chrono::nanoseconds at;  // since any moment
  unsigned loaded = 0;
};
// Spares a second between the first and the last rise; of a single one, since the look before it,
// which is too few rather than too many. Nothing: it never rose. Pure.
std::optional<double> refill_rate(const std::vector<Refill>& seen);

}  // namespace vireo::bench
