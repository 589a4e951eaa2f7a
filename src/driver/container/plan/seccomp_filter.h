// SPDX-License-Identifier: Apache-2.0
// The system calls an instance may make, as a program for the kernel.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace vireo {

// An allow list; everything else fails with EPERM (what the C library probes for: ENOSYS). Shaped
// as a binary tree by libseccomp. The kernel compiles a filter when it is loaded, which costs
// 60-270 us whatever its size: so it is loaded while a process is parked, and the calls that enter
// an instance's root (fsopen, move_mount, ...) are allowed to who passes `key` as the sixth
// argument, which the kernel ignores. The program that is executed then does not know it; nor has
// it the capability that those calls need.
Result<std::vector<sock_filter>> seccomp_filter(uint64_t key);

}  // namespace vireo
