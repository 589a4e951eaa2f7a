// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of memory: of the machine, and of a process with its children.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace vireo::bench {

struct ProcessMemory {
  uint64_t private_bytes = 0, proportional_bytes = 0;  // shared pages: none, or their part
};
Result<ProcessMemory> memory_of_process(int pid);  // and all its descendants

// MiB: MemAvailable, and the free pages on the lists of each processor, which the kernel does not
// count there. Since Linux 6.7 these lists grow to an eighth of a zone and shrink in steps over
// many seconds (mm/page_alloc.c, decay_pcp_high): MemAvailable alone swings by 50 MiB and more.
Result<double> available_memory();
// Of the text of /proc/zoneinfo: the pages on the lists of all processors.
uint64_t listed_pages(std::string_view zones);

// What many instances took, when available memory fell by `fall` with them and rose by `rise` once
// they had gone: the mean. What others did evenly cancels out; Errc::unavailable when the two
// differ by more than `tolerance` of it, as other work moved the memory.
Result<double> undisturbed_mean(double fall, double rise, double tolerance);  // MiB

}  // namespace vireo::bench
