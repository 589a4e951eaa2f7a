// SPDX-License-Identifier: Apache-2.0
// Control groups of instances: version 2, version 1 and hybrids, one interface (cgroups(7)).
//
// A tree is one directory of ours in each hierarchy that carries a limit or a count; a group is a
// directory of the same name in each, or, where that is asked for, only in those of version 1 that
// limit something: an empty memory group alone takes 100 KiB on a host that has had thousands of
// mounts (alloc_shrinker_info in the kernel's mm/shrinker.c). Roots come from /proc/self/cgroup and
// mountinfo, because they differ by controller when we run inside a container or a service.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct CgroupLimits {
  uint64_t memory = 0;  // bytes, swap included; 0: no limit
  double cpus = 0;      // 0: no limit
  uint64_t pids = 0;    // 0: no limit
  bool operator==(const CgroupLimits&) const = default;
};

struct CgroupUsage {
  uint64_t cpu_ns = 0;
  uint64_t memory = 0;
  uint64_t memory_peak = 0;
  uint64_t pids = 0;
  uint64_t oom_kills = 0;
};

// Where the controllers of this process are, as values.
struct CgroupController {
  std::string name;  // "memory"; several may share a directory
  std::string directory;
  bool v2 = false;
  std::string mount;  // mount point of the hierarchy
  bool operator==(const CgroupController&) const = default;
};
// From the texts of /proc/self/cgroup and /proc/self/mountinfo. Only memory, cpu, cpuacct, pids and
// freezer; for v2 one entry "" for the whole directory.
std::vector<CgroupController> cgroup_controllers(std::string_view self_cgroup,
                                                 std::string_view mountinfo);

// One group. A value: the directories live on until remove().
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(std::string name, std::vector<CgroupController> directories, std::string freezer)
      : name_(std::move(name)),
        directories_(std::move(directories)),
        freezer_(std::move(freezer)) {}
  const std::string& name() const { return name_; }

  // Makes the directories that the limits need and are not there yet.
  Result<void> limit(const CgroupLimits& limits) const;
  bool made() const;  // some directory of it is there
  // All processes join the directories that were made after them. With version 1 each that does
  // takes 8-15 ms (see task_files()).
  Result<void> join() const;
  Result<void> join(int pid) const;  // this one joins all directories that are there
  // What cannot be read is 0. Time and memory that no group counts are those of the processes that
  // live, of `pid` where no group has any: memory then is what they share with nobody, without the
  // kernel's on their behalf.
  CgroupUsage usage(int pid = 0) const;
  uint64_t oom_kills() const;  // usage() reads much more
  std::vector<int> processes() const;
  // v2: the directory for CLONE_INTO_CGROUP. v1: nothing, but the opened `tasks` files, into which
  // the child writes "0". Either spares the wait of `cgroup.procs` for all processors to pass a
  // quiescent state, 8-15 ms (kernel/cgroup/cgroup.c, cgroup_procs_write_start: a single thread
  // that moves itself takes no lock).
  Result<Fd> directory() const;
  Result<std::vector<Fd>> task_files() const;

  // Every process stands still; returns when all do. Errc::unsupported: this host cannot.
  Result<void> freeze() const;
  Result<void> thaw() const;  // of one that is not frozen: success
  bool frozen() const;

  void kill() const;  // every process of the group gets SIGKILL, a frozen one too
  // Kills, gives charged memory back (else the group stays as a dying one) and removes the
  // directories. Blocks until the processes are gone, a few seconds at most: for the background.
  Result<void> remove() const;

 private:
  const CgroupController* with(std::string_view controller) const;
  std::string file(std::string_view controller, std::string_view v1, std::string_view v2) const;
  uint64_t number(const std::string& path, std::string_view key = {}) const;
  bool there(std::string_view controller) const;
  Result<void> make(std::string_view controller) const;
  Result<void> limit_memory(uint64_t bytes) const;
  Result<void> limit_cpu(double cpus) const;
  Result<void> limit_pids(uint64_t pids) const;
  static std::vector<int> members_of(const std::string& directory);
  bool v2() const { return !directories_.empty() && directories_[0].v2; }
  Result<void> join(const std::vector<int>& all) const;
  Result<void> gather() const;
  Result<void> scatter() const;

  std::string name_;
  std::vector<CgroupController> directories_;
  std::string freezer_;  // v1: the directory that is there while it is frozen; "": there is none
};

class CgroupTree {
 public:
  // Makes the directory `name` below this process's own groups, or below `root` (v2 only) when
  // that is given. Errc::unsupported says what is missing.
  static Result<CgroupTree> open(const std::string& name, const std::string& root = {});
  // An existing one is taken.
  Result<Cgroup> create(const std::string& name) const;
  // Nothing but what the limits need.
  Result<Cgroup> create_limited(const std::string& name, const CgroupLimits& limits) const;
  Cgroup at(const std::string& name) const;
  std::vector<std::string> list() const;
  Result<void> remove() const;  // the tree itself, once it is empty
  bool has(std::string_view controller) const;
  std::string describe() const;  // "cgroup v1 (cpu cpuacct memory pids)"

 private:
  std::vector<CgroupController> roots_;  // directories of the tree
  std::string freezer_;                  // v1: the tree's, there since a group of it was frozen
};

}  // namespace vireo
