// SPDX-License-Identifier: Apache-2.0
// Refill: how many virtual machines the pool makes ready a second, below 500 of them alive. Loaded
// spares are all used by one operation, while nothing else lives, dies or asks; what the daemon
// says of the refill that follows (GET /metrics) is the figure: the spares that it loaded, by the
// time until they and their ports were there again. The daemon's clock, so that no look at it takes
// its processors.
#pragma once
#include <memory>

#include "bench/probe.h"
#include "bench/probe/spares.h"

namespace vireo::bench {

// Another technology than Spares::technology is "not run".
std::unique_ptr<Probe> make_refill_probe(std::string technology, SparesOptions options);

}  // namespace vireo::bench
