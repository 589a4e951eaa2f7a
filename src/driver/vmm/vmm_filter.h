// SPDX-License-Identifier: Apache-2.0
// The system calls that vireo-vmm may make, as a program for the kernel.
#pragma once
#include "base/fd.h"
#include "base/result.h"

namespace vireo {

// A sealed file of sock_filter's. Anything else ends the process.
Result<Fd> vmm_filter();

}  // namespace vireo
