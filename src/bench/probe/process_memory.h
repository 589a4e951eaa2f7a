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

}  // namespace vireo::bench
