// SPDX-License-Identifier: Apache-2.0
// The daemon's side of vireo-keeper: the small static process that is the parent of every instance,
// reaps it, drains its output into capped log files, and holds descriptors (ports, namespaces) so
// that no exit is a last close. It outlives the daemon and is not restarted by upgrades.
//
// The keeper knows entries: a name, an opaque text of the daemon's, descriptors, at most one
// process. Its protocol (keeper/protocol.h) is generic: containers, VMMs and QEMU use it alike.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct SpawnRequest {
  std::string name;                       // of the new entry; taken: Errc::conflict
  std::string text;                       // opaque, at most 4 KiB, returned by list()
  int executable = -1;                    // an open file (O_PATH or a memfd)
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<int> fds;                   // become 3, 4, ... in the process; all others are closed
  std::vector<int> join_namespaces;       // setns in this order, before `clone_flags` take effect
  uint64_t clone_flags = 0;               // CLONE_NEW*
  int cgroup = -1;                        // cgroup v2 directory: CLONE_INTO_CGROUP
  std::vector<int> cgroup_procs;          // open v1 `cgroup.procs` files; the child writes "0" to each
  std::string log_file;                   // stdout and stderr go here; "": /dev/null
  uint64_t log_bytes = 1u << 20;          // rotate to LOG.1 at this size
  std::vector<int> hold;                  // descriptors the entry keeps from the start
};

struct Spawned {
  int pid = 0;                            // in the keeper's pid namespace
  Fd pidfd;
};

struct KeeperEntry {
  std::string name;
  std::string text;
  int pid = 0;                            // 0: no process
  bool ended = false;
  int wait_status = 0;                    // as of waitpid, once ended
  uint64_t ended_at_ns = 0;               // CLOCK_MONOTONIC
  unsigned held = 0;                      // how many descriptors
};

// Thread-safe. A call after the keeper died gives Errc::unavailable.
class KeeperClient {
 public:
  // Connects, or starts `program` (detached, own session) first. The socket is `runtime_dir`/keeper.
  static Result<std::unique_ptr<KeeperClient>> connect(const std::string& runtime_dir,
                                                       const std::string& program);
  ~KeeperClient();

  Result<Spawned> spawn(const SpawnRequest& request);
  // Adds descriptors to an entry (made if absent) and replaces its text. One way: no answer is
  // waited for; a later call sees the effect.
  Result<void> hold(const std::string& name, const std::string& text, const std::vector<int>& fds);
  Result<std::vector<Fd>> take(const std::string& name);      // duplicates, in the order held
  // Signals the entry's process through its pidfd. Unknown or ended: success.
  Result<void> signal(const std::string& name, int signal);
  // Forgets an entry (its process, if any, is killed) and closes what it held in the background.
  Result<void> drop(const std::string& name);
  Result<std::vector<KeeperEntry>> list();

  // Readable when a process ended, or when the keeper itself is gone.
  int event_fd() const;
  struct Event {
    std::string name;                     // empty: the keeper is gone
    int wait_status = 0;
    uint64_t at_ns = 0;
  };
  std::vector<Event> take_events();

 private:
  struct State;
  explicit KeeperClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vireo
