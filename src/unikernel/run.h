// SPDX-License-Identifier: Apache-2.0
// The life of a unikernel, from its first instruction to its end.
#pragma once
#include "unikernel/machine.h"
#include "vnf/entry.h"

namespace vireo::unikernel {

// Prepares the devices, waits for the identity, configures the function, says ready, and serves.
[[noreturn]] void run(const machine::BootPage* page, const vnf::FunctionEntry& function);

}  // namespace vireo::unikernel
