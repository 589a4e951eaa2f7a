// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/text.h"
#include "host/files.h"

namespace vireo {

namespace {
constexpr unsigned cpu_period_us = 100'000;
constexpr unsigned longest_removal_ms = 5'000;

uint64_t word_of(std::string_view text, size_t number) {
  const std::vector<std::string_view> words = split(text, ' ');
  return number < words.size() ? parse_number(words[number]).value_or(0) : 0;
}

// proc(5): nanoseconds on a processor; pages that are resident, and those of them that are shared.
std::string read_of(int pid, std::string_view file) {
  return read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
}
uint64_t time_of(int pid) { return word_of(read_of(pid, "schedstat"), 0); }
uint64_t memory_of(int pid) {
  const std::string text = read_of(pid, "statm");
  const uint64_t resident = word_of(text, 1), shared = word_of(text, 2);
  return (resident - std::min(resident, shared)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

const CgroupController* Cgroup::with(std::string_view controller) const {
  for (const CgroupController& each : directories_)
    if (each.v2 || each.name == controller) return &each;
  return nullptr;
}

// "" when the controller is not there or has no such file.
std::string Cgroup::file(std::string_view controller, std::string_view v1,
                         std::string_view v2) const {
  const CgroupController* directory = with(controller);
  std::string_view name = directory != nullptr && directory->v2 ? v2 : v1;
  if (directory == nullptr || name.empty()) return {};
  return fmt::format("{}/{}", directory->directory, name);
}

// The file's number, or the one behind `key` where it holds lines of "key number".
uint64_t Cgroup::number(const std::string& path, std::string_view key) const {
  if (path.empty()) return 0;
  std::string text = read_file(path).value_or({});
  for (std::string_view line : split(text, '\n')) {
    if (!key.empty()) {
      if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
      line.remove_prefix(key.size() + 1);
    }
    return parse_number(line).value_or(0);
  }
  return 0;
}

Result<void> Cgroup::limit(const CgroupLimits& limits) const {
  TRY(limit_memory(limits.memory));
  TRY(limit_cpu(limits.cpus));
  return limit_pids(limits.pids);
}

bool Cgroup::there(std::string_view controller) const {
  return with(controller) != nullptr && exists(with(controller)->directory);
}

// Version 2 has one directory for all, which is there.
Result<void> Cgroup::make(std::string_view controller) const {
  if (there(controller)) return {};
  const std::string& directory = with(controller)->directory;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return system_error(fmt::format("cannot make control group {}", directory));
  return {};
}

std::vector<int> Cgroup::members_of(const std::string& directory) {
  std::vector<int> pids;
  const std::string text = read_file(directory + "/cgroup.procs").value_or({});
  for (std::string_view line : split(text, '\n'))
    if (auto pid = parse_number(line)) pids.push_back(static_cast<int>(*pid));
  return pids;
}

bool Cgroup::made() const {
  return std::ranges::any_of(directories_, [](const auto& each) { return exists(each.directory); });
}

Result<void> Cgroup::join() const { return join(processes()); }
Result<void> Cgroup::join(int pid) const { return join(std::vector<int>{pid}); }

Result<void> Cgroup::join(const std::vector<int>& all) const {
  for (const CgroupController& each : directories_) {
    if (!exists(each.directory)) continue;
    const std::vector<int> members = members_of(each.directory);
    for (int pid : all) {
      if (std::ranges::find(members, pid) != members.end()) continue;
      auto moved = write_existing(each.directory + "/cgroup.procs", fmt::format("{}", pid));
      if (!moved && exists(fmt::format("/proc/{}", pid))) return moved;
    }
  }
  return {};
}

Result<void> Cgroup::limit_pids(uint64_t pids) const {
  if (pids == 0 && !there("pids")) return {};
  TRY(make("pids"));
  return write_existing(file("pids", "pids.max", "pids.max"),
                        pids == 0 ? "max" : fmt::format("{}", pids));
}

Result<void> Cgroup::limit_memory(uint64_t bytes) const {
  if (bytes == 0 && !there("memory")) return {};
  TRY(make("memory"));
  const bool v2 = with("memory") != nullptr && with("memory")->v2;
  std::string value = bytes != 0 ? fmt::format("{}", bytes) : (v2 ? "max" : "-1");
  std::string memory = file("memory", "memory.limit_in_bytes", "memory.max");
  std::string swap = file("memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
  if (v2) {
    if (exists(swap)) TRY(write_existing(swap, bytes != 0 ? "0" : "max"));
    return write_existing(memory, value);
  }
  if (!exists(swap)) return write_existing(memory, value);
  // v1 wants memory <= memory + swap at every moment: one of the two orders is right.
  if (write_existing(memory, value)) return write_existing(swap, value);
  TRY(write_existing(swap, value));
  return write_existing(memory, value);
}

Result<void> Cgroup::limit_cpu(double cpus) const {
  if (with("cpu") == nullptr)
    return cpus == 0 ? Result<void>() : Error{Errc::unsupported, "no cpu controller for a limit"};
  if (cpus == 0 && !there("cpu")) return {};
  TRY(make("cpu"));
  // The kernel refuses a quota below 1 ms.
  auto quota = std::max<uint64_t>(1000, static_cast<uint64_t>(cpus * cpu_period_us));
  if (!with("cpu")->v2) {
    const std::string path = file("cpu", "cpu.cfs_quota_us", "");
    // A write makes the kernel look at every group that there is (tg_set_bandwidth).
    if (cpus == 0 && read_file(path).value_or("") == "-1\n") return {};
    return write_existing(path, cpus == 0 ? "-1" : fmt::format("{}", quota));
  }
  return write_existing(file("cpu", "", "cpu.max"),
                        cpus == 0 ? "max" : fmt::format("{} {}", quota, cpu_period_us));
}

// Files that are not there are not asked for: of thousands of machines most have no group.
CgroupUsage Cgroup::usage(int pid) const {
  CgroupUsage usage;
  const bool times = there("cpuacct"), pages = there("memory"), count = there("pids");
  if (times)
    usage.cpu_ns = v2() ? number(file("cpu", "", "cpu.stat"), "usage_usec") * 1000
                        : number(file("cpuacct", "cpuacct.usage", ""));
  if (pages) {
    usage.memory = number(file("memory", "memory.usage_in_bytes", "memory.current"));
    usage.memory_peak = number(file("memory", "memory.max_usage_in_bytes", "memory.peak"));
    usage.oom_kills = oom_kills();
  }
  if (count) usage.pids = number(file("pids", "pids.current", "pids.current"));
  if (times && pages && count) return usage;
  const bool made = times || pages || count || there("cpu");
  std::vector<int> all = made ? processes() : std::vector<int>();
  if (all.empty() && exists(fmt::format("/proc/{}", pid))) all = {pid};
  for (int each : all) {
    if (!times) usage.cpu_ns += time_of(each);
    if (!pages) usage.memory += memory_of(each);
    if (!count) usage.pids++;
  }
  return usage;
}

uint64_t Cgroup::oom_kills() const {
  return number(file("memory", "memory.oom_control", "memory.events"), "oom_kill");
}

std::vector<int> Cgroup::processes() const {
  std::vector<int> pids;
  for (const CgroupController& each : directories_)
    std::ranges::copy(members_of(each.directory), std::back_inserter(pids));
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<Fd> Cgroup::directory() const {
  if (directories_.empty() || !directories_[0].v2) return Fd();
  return open_path(directories_[0].directory, O_RDONLY | O_DIRECTORY);
}

Result<std::vector<Fd>> Cgroup::task_files() const {
  std::vector<Fd> files;
  std::string last;  // controllers that are mounted together share a directory
  for (const CgroupController& each : directories_) {
    if (each.v2 || each.directory == last || !exists(each.directory)) continue;
    files.push_back(TRY(open_path(each.directory + "/tasks", O_WRONLY)));
    last = each.directory;
  }
  return files;
}

void Cgroup::kill() const {
  const CgroupController* first = with("pids");
  if (first != nullptr && first->v2 && write_existing(first->directory + "/cgroup.kill", "1"))
    return;
  for (int pid : processes()) ::kill(pid, SIGKILL);
  (void)thaw();  // version 1: a frozen one ends when it is thawed
}

Result<void> Cgroup::remove() const {
  if (frozen()) kill();
  // Charged pages would keep the group alive as a dying one after rmdir.
  std::string empty = file("memory", "memory.force_empty", "memory.reclaim");
  for (unsigned waited = 0;; waited += 2) {
    std::string busy;
    if (!processes().empty())
      kill();
    else if (!empty.empty() && exists(empty) && waited < 20)
      (void)write_existing(empty, fmt::format("{}", usage().memory));  // EAGAIN: not all, try on
    for (const CgroupController& each : directories_)
      if (::rmdir(each.directory.c_str()) != 0 && errno != ENOENT) busy = each.directory;
    if (busy.empty()) return {};
    if (waited >= longest_removal_ms)
      return system_error(fmt::format("cannot remove control group {}", busy), EBUSY);
    ::poll(nullptr, 0, 2);  // nothing announces that a v1 group became empty
  }
}

}  // namespace vireo
