// SPDX-License-Identifier: Apache-2.0
// Memory of one virtual machine that is loaded ahead and waits, with the tap that it will get: the
// fall of the host's available memory over many, and the rise when they go, divided by their
// number. The pool keeps its taps apart and whether machines wait or not, so both are measured one
// by one.
#pragma once
#include <memory>

#include "bench/probe.h"
#include "bench/probe/spares.h"
#include "bench/probe/tap_memory.h"

namespace vireo::bench {

struct SpareMemoryOptions {
  SparesOptions spares;
  OpenFabric open_fabric;
  double tolerance = 0.2;  // these two as of MemoryOptions
  unsigned attempts = 3;
};

std::unique_ptr<Probe> make_spare_memory_probe(SpareMemoryOptions options);

}  // namespace vireo::bench
