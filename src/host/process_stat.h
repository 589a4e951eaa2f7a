// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of one process or thread in a line (proc_pid_stat(5)).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace vireo {

struct ProcessStat {
  char state = ' ';  // 'T': stopped, 'Z': ended and not reaped
  int parent = 0;
  // Of include/linux/sched.h. PF_EXITING: it will not run its program again, although to give its
  // memory back takes longer. PF_USER_WORKER: a thread of the kernel's own in this process.
  bool exiting = false, kernels_own = false;
  uint64_t minor_faults = 0, major_faults = 0;
  int wait_status = 0;  // with which one that is exiting will have ended
};

// `directory`: "/proc/PID" or "/proc/PID/task/TID". Nothing: it is gone.
std::optional<ProcessStat> read_process_stat(const std::string& directory);

}  // namespace vireo
