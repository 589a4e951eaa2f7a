// SPDX-License-Identifier: Apache-2.0
// The function's end of the agent's socket.
#pragma once
#include "vnf/posix/process.h"

namespace vireo::vnf::posix {

// Takes one message from fd_agent and answers it. False: the platform closed its end, which ends
// nothing here: instances outlive it. Packets wait meanwhile, at most two seconds for each chunk.
bool serve_agent(const FunctionEntry& function);

}  // namespace vireo::vnf::posix
