// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include "driver/kept_driver.h"

namespace vireo {

ExitReason exit_reason(int wait_status, bool killed, const Cgroup& cgroup) {
  if (!WIFSIGNALED(wait_status)) return {ExitKind::code, WEXITSTATUS(wait_status)};
  const int signal = WTERMSIG(wait_status);
  if (signal == SIGKILL && killed) return {ExitKind::killed, signal};
  // The group is ours alone, so that the kernel's count tells who was killed for memory.
  if (signal == SIGKILL && cgroup.oom_kills() > 0) return {ExitKind::out_of_memory, signal};
  return {ExitKind::signal, signal};
}

}  // namespace vireo
