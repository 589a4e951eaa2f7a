// SPDX-License-Identifier: Apache-2.0
// Memory of one idle instance (draft, section 4.6) after one reply: private and proportional memory
// of its processes, and all-in, the fall of the machine's MemAvailable over many instances without
// pools, divided by their number.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct MemoryOptions {
  std::string program;           // vireod
  std::string listener_archive;  // with a kernel's stack; "": a packet function with two taps
  unsigned instances = 200;      // in one sample
};
std::unique_ptr<Probe> make_memory_probe(MemoryOptions options);

}  // namespace vireo::bench
