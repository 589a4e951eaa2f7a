// SPDX-License-Identifier: Apache-2.0
// What a started process asks of the kernel: counted by the kernel's own tracepoints and its record
// of each process, so that whoever is counted runs as always but for some nanoseconds.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo::bench {

struct StartCounts {
  uint64_t system_calls = 0;
  uint64_t page_faults = 0;  // minor and major; of a virtual machine also those of its guest
  uint64_t vmm_exits = 0;    // how often KVM_RUN came back to the VMM
};

// All are counted from begin() to stop(): whoever the parents have begun already, and whoever they
// or their children (a zygote's are its parent's own) begin meanwhile. One thread.
class StartCounter {
 public:
  // Errc::unsupported says what this host lacks; it mounts tracefs where nobody has (the bench has
  // mounts of its own).
  static Result<void> possible();
  static Result<StartCounter> begin(std::span<const int> parents);
  void stop();
  // Of one process and its descendants. Those that were begun meanwhile are counted together: it
  // is the caller's to let there be one.
  StartCounts of(pid_t pid) const;

 private:
  struct Counted {
    pid_t pid = 0;
    Fd system_calls, vmm_exits;
    uint64_t faults_before = 0;
    StartCounts counts;
  };
  struct Maker {
    Counted with_children, alone;
  };
  static Result<Counted> count(pid_t pid, bool children);
  Result<void> add_maker(pid_t pid);

  std::vector<pid_t> parents_;
  std::vector<Maker> makers_;                       // the parents and their first children
  std::vector<std::pair<pid_t, uint64_t>> faults_;  // of those that were begun meanwhile
};

}  // namespace vireo::bench
