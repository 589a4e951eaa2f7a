// SPDX-License-Identifier: Apache-2.0
// Memory of one idle instance (draft, section 4.6) after one reply: private and proportional memory
// of its processes, and all-in, the fall of available memory over many instances, divided by their
// number. Containers are measured without pools; virtual machines begin as copies of one
// that was loaded ahead, as they always do.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct MemoryOptions {
  std::string program;                   // vireod
  std::string technology = "container";  // a virtual machine has one tap
  std::string listener_archive;  // with a kernel's stack; "": a packet function, on two taps
  unsigned instances = 200;      // in one sample
  unsigned attempts = 2;         // of a sample that other work disturbs
  double tolerance = 0.2;        // of the difference between the fall and the rise after it
};
std::unique_ptr<Probe> make_memory_probe(MemoryOptions options);

}  // namespace vireo::bench
