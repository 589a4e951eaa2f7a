// SPDX-License-Identifier: Apache-2.0
// Memory of one virtual machine that is loaded ahead and waits, without its tap: the fall of the
// machine's MemAvailable over many, and the rise when they go, divided by their number.
#pragma once
#include <memory>

#include "bench/probe.h"
#include "bench/probe/spares.h"

namespace vireo::bench {

// `tolerance`, `attempts`: as of MemoryOptions.
std::unique_ptr<Probe> make_spare_memory_probe(SparesOptions options, double tolerance,
                                               unsigned attempts);

}  // namespace vireo::bench
