// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_counter.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "bench/probe/process_time.h"
#include "host/files.h"
#include "host/process_stat.h"

namespace vireo::bench {
namespace {

constexpr const char* tracing = "/sys/kernel/tracing";
constexpr const char* system_call = "raw_syscalls/sys_enter";
constexpr const char* vmm_exit = "kvm/kvm_userspace_exit";

Result<uint64_t> tracepoint(const char* name) {
  const std::string events = fmt::format("{}/events", tracing);
  if (!exists(events) && ::mount("tracefs", tracing, "tracefs",
                                 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return Error{Errc::unsupported, "this kernel has no tracefs"};
  auto text = read_file(fmt::format("{}/{}/id", events, name));
  if (!text) return Error{Errc::unsupported, fmt::format("this kernel does not trace {}", name)};
  return parse_number(text->substr(0, text->find('\n')));
}

// perf_event_open(2)
Result<Fd> open_counter(const char* name, pid_t pid, bool children) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = TRY(tracepoint(name));
  attributes.inherit = children;
  const long made = ::syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (made < 0) return system_error(fmt::format("cannot count {} of process {}", name, pid));
  return Fd(static_cast<int>(made));
}

uint64_t value_of(const Fd& counter) {
  uint64_t value = 0;
  return ::read(counter.get(), &value, sizeof value) == sizeof value ? value : 0;
}

uint64_t faults_of(pid_t pid) {
  const auto stat = read_process_stat(fmt::format("/proc/{}", pid)).value_or(ProcessStat{});
  return stat.minor_faults + stat.major_faults;
}

std::vector<int> first_children_of(pid_t pid) {
  return children_of(fmt::format("/proc/{0}/task/{0}", pid));
}

}  // namespace

Result<void> StartCounter::possible() {
  TRY(open_counter(system_call, 0, true));
  TRY(open_counter(vmm_exit, 0, true));
  return {};
}

Result<StartCounter::Counted> StartCounter::count(pid_t pid, bool children) {
  Counted counted;
  counted.pid = pid;
  counted.faults_before = faults_of(pid);
  counted.system_calls = TRY(open_counter(system_call, pid, children));
  counted.vmm_exits = TRY(open_counter(vmm_exit, pid, children));
  return counted;
}

Result<StartCounter> StartCounter::begin(std::span<const int> parents) {
  StartCounter counter;
  for (const int parent : parents) {
    for (const pid_t child : first_children_of(parent)) TRY(counter.add_maker(child));
    TRY(counter.add_maker(parent));
    counter.parents_.push_back(parent);
  }
  return counter;
}

Result<void> StartCounter::add_maker(pid_t pid) {
  makers_.push_back({TRY(count(pid, true)), TRY(count(pid, false))});
  return {};
}

void StartCounter::stop() {
  auto take = [](Counted& counted) {
    for (const Fd* each : {&counted.system_calls, &counted.vmm_exits})
      ::ioctl(each->get(), PERF_EVENT_IOC_DISABLE, 0);
    counted.counts = {value_of(counted.system_calls),
                      faults_of(counted.pid) - counted.faults_before, value_of(counted.vmm_exits)};
  };
  for (Maker& maker : makers_) {
    take(maker.with_children);
    take(maker.alone);
  }
  for (const pid_t parent : parents_)
    for (const pid_t child : first_children_of(parent))
      faults_.emplace_back(child, faults_of(child));
}

StartCounts StartCounter::of(pid_t pid) const {
  StartCounts counts;
  for (const Maker& maker : makers_) {
    const StartCounts &all = maker.with_children.counts, &own = maker.alone.counts;
    if (maker.alone.pid == pid) return all;
    counts.system_calls += all.system_calls - own.system_calls;
    counts.vmm_exits += all.vmm_exits - own.vmm_exits;
  }
  for (const auto& [child, faults] : faults_)
    if (child == pid) counts.page_faults = faults;
  return counts;
}

}  // namespace vireo::bench
