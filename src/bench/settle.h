// SPDX-License-Identifier: Apache-2.0
// Waits between samples until what the last one left has gone.
#pragma once
#include <chrono>

namespace vireo::bench {

// At least 150 ms: the kernel takes a namespace's interfaces down under the lock that the next
// start needs, mostly asleep, so that idle processors alone tell nothing (a cold start right after
// a removal measured 12 ms against 7). Then until the processors have been idle for 100 ms, to the
// tenth, at most `limit`: others may be at work here.
void settle(std::chrono::milliseconds limit = std::chrono::milliseconds(1000));

}  // namespace vireo::bench
