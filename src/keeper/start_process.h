// SPDX-License-Identifier: Apache-2.0
// Makes a process without copying the keeper: the child borrows its memory until it executes.
#pragma once
#include <sys/resource.h>

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "keeper/protocol.h"

namespace vireo::keeper {

struct StartPlan {
  int executable = -1;
  std::vector<char*> arguments, environment;  // null-terminated
  std::vector<int> fds, join_namespaces, cgroup_tasks;
  uint64_t clone_flags = 0;
  int cgroup = -1;
  int null = -1, output = -1, error = -1;  // become 0, 1, 2
  rlimit open_files{};                     // the keeper's own limit is higher
};

struct Started {
  Step failed = Step::none;
  int error_number = 0;
  int pid = 0;
  Fd pidfd;
};

// For the one thread that clones. After a failure nothing is left.
Started start_process(const StartPlan& plan);

}  // namespace vireo::keeper
