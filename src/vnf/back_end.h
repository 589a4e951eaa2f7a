// SPDX-License-Identifier: Apache-2.0
// What every back-end gives to the code that they share. Freestanding.
#pragma once
#include "vnf/abi.h"

namespace vireo::vnf::back_end {

// Zeroed, for the function's life; nullptr: there is none.
void* memory(size_t bytes);
// One message to the platform; false: it does not listen (any more).
bool tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count);
// One message of the platform's, its header first, that comes within `patience_ns`: how many bytes;
// 0 or less: none.
long hear(void* room, uint32_t bytes, int64_t patience_ns);

}  // namespace vireo::vnf::back_end
