// SPDX-License-Identifier: Apache-2.0
// Makes a process without copying the keeper: the child borrows its memory until it executes.
#pragma once
#include <sys/resource.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/fd.h"
#include "host/fd_passing.h"
#include "keeper/protocol.h"

namespace vireo::keeper {

// Numbers of the keeper's that stay free for what a process gets. It shares the keeper's table and
// takes a copy of it up to its own descriptors there: what else the keeper holds, thousands of
// descriptors, is neither copied nor closed (close_range(2), CLOSE_RANGE_UNSHARE).
class LaunchPad {
 public:
  explicit LaunchPad(int null);
  // Duplicates of `fds`, side by side from first() on; false: errno says why.
  bool load(std::span<const int> fds);
  void clear();
  int first() const { return first_; }
  int count() const { return count_; }

 private:
  // The most that one request passes, and the three standard ones.
  static constexpr int slots = max_passed_fds + 3;

  int null_, first_ = -1, count_ = 0;
};

struct StartPlan {
  int executable = -1;
  std::vector<char*> arguments, environment;  // null-terminated
  std::vector<int> fds, join_namespaces, cgroup_tasks;
  uint64_t clone_flags = 0;
  int cgroup = -1;
  int null = -1, output = -1, error = -1;  // become 0, 1, 2
  LaunchPad* pad = nullptr;
  rlimit open_files{};  // the keeper's own limit is higher
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
