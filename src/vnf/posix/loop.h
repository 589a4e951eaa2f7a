// SPDX-License-Identifier: Apache-2.0
// The life of a function's process, from its first instruction to its end.
#pragma once
#include "vnf/posix/process.h"

namespace vireo::vnf::posix {

// Opens what the platform gave, configures the function, says ready, and serves until a signal.
[[noreturn]] void run(const ProcessEntry& function);

}  // namespace vireo::vnf::posix
