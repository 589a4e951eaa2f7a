// SPDX-License-Identifier: Apache-2.0
// A function's flows go out to the platform and come in from it, as chunks. Freestanding.
#pragma once
#include "vnf/entry.h"

namespace vireo::vnf {

// Answers one message of the platform's (AgentMessage::export_state, import_state). Packets wait
// meanwhile, at most two seconds for each chunk.
void serve_message(const FunctionEntry& function, const AgentHeader& header);

}  // namespace vireo::vnf
