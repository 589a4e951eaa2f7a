// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of memory: of the machine, and of a process with its children.
#pragma once
#include <cstdint>

#include "base/result.h"

namespace vireo::bench {

struct ProcessMemory {
  uint64_t private_bytes = 0, proportional_bytes = 0;  // shared pages: none, or their part
};
Result<ProcessMemory> memory_of_process(int pid);  // and all its descendants

Result<uint64_t> available_memory();  // MemAvailable, bytes
// What many instances took, when available memory fell by `fall` with them and rose by `rise` once
// they had gone: the mean. What others did evenly cancels out; Errc::unavailable when the two
// differ by more than `tolerance` of it, as other work moved the memory.
Result<double> undisturbed_mean(double fall, double rise, double tolerance);  // MiB

}  // namespace vireo::bench
