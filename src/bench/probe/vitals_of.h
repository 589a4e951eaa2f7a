// SPDX-License-Identifier: Apache-2.0
// The vitals page of a running libvnf function, as its process has it mapped: fresher than what
// the daemon tells, which reads it once a second.
#pragma once
#include "base/result.h"
#include "vnf/abi.h"

namespace vireo::bench {

// Errc::not_found: the process has no such page.
Result<vnf::Vitals> vitals_of(int pid);

}  // namespace vireo::bench
