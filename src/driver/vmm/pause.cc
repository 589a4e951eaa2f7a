// SPDX-License-Identifier: Apache-2.0
// A machine stands still when the threads of its VMM are stopped (signal(7), SIGSTOP). Its control
// group cannot be frozen: KVM's worker, a kernel thread before Linux 6.14, is in it, never
// freezes and is counted (kernel/cgroup/freezer.c, cgroup_update_frozen).
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <filesystem>

#include "driver/vmm/vmm_driver.h"
#include "host/process_stat.h"

namespace vireo {

namespace {

constexpr unsigned longest_ms = 2'000;

// ' ': the process is gone.
char state_of(int pid) {
  return read_process_stat(fmt::format("/proc/{}", pid)).value_or(ProcessStat{}).state;
}

bool is_stopped(int pid) { return state_of(pid) == 'T'; }

// The one that takes the signal is not the last one to stop.
bool all_stopped(int pid) {
  std::error_code gone;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    const ProcessStat stat = read_process_stat(thread.path().string()).value_or(ProcessStat{});
    if (!stat.kernels_own && stat.state != 'T') return false;
  }
  return !gone;
}

bool is_over(int pid) { return state_of(pid) == ' ' || state_of(pid) == 'Z'; }

// The keeper signals when it comes to it.
Result<void> await(int pid, bool stopped) {
  for (unsigned waited = 0; stopped ? !all_stopped(pid) : is_stopped(pid); waited++) {
    if (is_over(pid)) return Error{Errc::conflict, "it does not run"};
    if (waited >= longest_ms) return Error{Errc::timed_out, "the keeper does not signal it"};
    ::poll(nullptr, 0, 1);
  }
  return {};
}

constexpr unsigned longest_end_ms = 5'000;

}  // namespace

// What it wrote is in its log only when it is gone; no control group of its own tells.
void VmmDriver::clear(const VirtualMachine& machine) {
  for (unsigned waited = 0; !is_over(machine.pid) && waited < longest_end_ms; waited++)
    ::poll(nullptr, 0, 1);
}

Result<void> VmmDriver::signal(const VirtualMachine& machine, int number) {
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  return link->signal(machine.entry, number);
}

Result<void> VmmDriver::pause(const InstanceId& id) {
  const Known known = TRY(find_running(id));
  TRY_IN("pause " + id, signal(*known, SIGSTOP));
  TRY_IN("pause " + id, await(known->pid, true));
  return {};
}

Result<void> VmmDriver::resume(const InstanceId& id) {
  const Known known = TRY(find_running(id));
  TRY_IN("resume " + id, signal(*known, SIGCONT));
  TRY_IN("resume " + id, await(known->pid, false));
  return {};
}

// Also by a daemon before this one: the kernel knows it.
bool VmmDriver::paused(const InstanceId& id) {
  auto known = find_running(id);
  return known && is_stopped((*known)->pid);
}

}  // namespace vireo
