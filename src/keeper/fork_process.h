// SPDX-License-Identifier: Apache-2.0
// Makes a process by a zygote (zygote_protocol.h): neither is a program executed nor a namespace
// made.
#pragma once
#include <cstdint>
#include <vector>

#include "keeper/start_process.h"

namespace vireo::keeper {

struct ForkPlan {
  int zygote = -1;  // its socket
  uint64_t argument = 0;
  std::vector<int> fds;
  int output = -1, error = -1;
};

// Waits for the zygote, a second at most. After a failure its socket is closed to both sides: an
// answer that comes late must not be taken for another's.
Started fork_process(const ForkPlan& plan);

}  // namespace vireo::keeper
