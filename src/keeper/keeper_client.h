// SPDX-License-Identifier: Apache-2.0
// The daemon's side of vireo-keeper: the small static process that is the parent of every instance,
// reaps it, drains its output into capped log files, and holds descriptors (ports, namespaces) so
// that no exit is a last close. It outlives the daemon and is not restarted by upgrades.
//
// The keeper knows entries: a name, an opaque text of the daemon's, descriptors, at most one
// process. Its protocol (keeper/protocol.h) is generic: containers, VMMs and QEMU use it alike.
// It ends by itself when it holds nothing and no daemon has been connected for 3 seconds
// (or is, after retire()).
//
// A process may have so many descriptors: a keeper that has three quarters of its own takes no more
// entries, and the client starts a further one beside it. Whoever uses the client sees one.
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

// How a process begins, in this order: a process in between joins `join_namespaces` (only if there
// are some; then it is gone again); the child is cloned from it, as a child of the keeper, with
// `clone_flags` and into `cgroup`; joins `cgroup_tasks`; gets its descriptors (0 is /dev/null, 1
// and 2 the log), default signals, a session of its own, the open file limit the daemon had;
// executes.
//
// If its user namespace is another (new or joined), the program begins with the keeper's user id,
// which that namespace does not map, and with every capability in it through the ambient set: it
// becomes uid 0 of the namespace (setresgid, setresuid; after the maps were written) and clears the
// ambient set itself. A new time namespace is refused: kernels differ in
// whether one can be made while memory is shared up to the exec.
struct SpawnRequest {
  std::string name;                      // of the new entry; taken: Errc::conflict
  std::string text;                      // opaque, at most 4 KiB, returned by list()
                                         // (name: 1 to 255 bytes)
  int executable = -1;                   // an open file (O_PATH or a memfd)
  std::vector<std::string> arguments;    // all of them, the program's name first
  std::vector<std::string> environment;  // name=value; with the arguments at most about 60 KiB
  std::vector<int> fds;                  // become 3, 4, ... in the process; all others are closed
  std::vector<int> join_namespaces;      // setns in this order, before `clone_flags` take effect
  uint64_t clone_flags = 0;              // CLONE_NEW*
  int cgroup = -1;                       // cgroup v2 directory: CLONE_INTO_CGROUP
  std::vector<int> cgroup_tasks;         // open v1 `tasks` files; the child writes "0" to each
  std::string log_file;                  // stdout and stderr go here; CRI log format; "": /dev/null
  uint64_t log_bytes = 1u << 20;         // rotate to LOG.1 at this size
  std::vector<int> hold;                 // descriptors the entry keeps from the start
};

// A process that another makes, its zygote (keeper/zygote_protocol.h): the process of an entry
// whose first held descriptor is the keeper's end of the zygote's socket. The new one is a child of
// the keeper, and otherwise what the zygote makes of it.
struct ForkRequest {
  std::string name, text;  // as of SpawnRequest
  std::string zygote;      // the entry's name
  uint64_t argument = 0;   // for the zygote
  std::vector<int> fds;    // likewise
  std::string log_file;
  uint64_t log_bytes = 1u << 20;
  std::vector<int> hold;
};

struct Spawned {
  int pid = 0;  // in the keeper's pid namespace
  Fd pidfd;
};

struct KeeperEntry {
  std::string name;
  std::string text;
  int pid = 0;  // 0: no process
  bool ended = false;
  int wait_status = 0;       // as of waitpid, once ended
  uint64_t ended_at_ns = 0;  // CLOCK_MONOTONIC
  unsigned held = 0;         // how many descriptors
};

// Thread-safe. A call after a keeper died gives Errc::unavailable, for ever: connect() again; then
// list() tells what the others still have.
class KeeperClient {
 public:
  // Connects, or starts `program` (detached, own session) first. The socket is
  // `runtime_dir`/keeper. Errc::unsupported: a keeper of another protocol version serves there.
  // Events are sent from here on; what ended before is in list(), and an end in between may be in
  // both.
  static Result<std::unique_ptr<KeeperClient>> connect(const std::string& runtime_dir,
                                                       const std::string& program);
  ~KeeperClient();

  Result<Spawned> spawn(const SpawnRequest& request);
  // Any failure that is not of the request itself: the zygote is of no use any more, or its keeper
  // has no room. A new zygote gets its place like any process.
  Result<Spawned> fork(const ForkRequest& request);
  // Adds descriptors to an entry (made if absent) and replaces its text. One way: no answer is
  // waited for; a later call sees the effect.
  Result<void> hold(const std::string& name, const std::string& text, const std::vector<int>& fds);
  // Duplicates, in the order held. Errc::exhausted: some did not fit the keeper's table.
  Result<std::vector<Fd>> take(const std::string& name);
  // Signals the entry's process through its pidfd. Unknown or ended: success.
  Result<void> signal(const std::string& name, int signal);
  // Forgets an entry (its process, if any, is killed) and closes what it held in the background,
  // once the process is reaped. One way, no event. Unknown: success.
  Result<void> drop(const std::string& name);
  // Waits until every keeper has reaped what has ended, and written what that wrote.
  Result<void> settle();
  Result<std::vector<KeeperEntry>> list();
  // No daemon will come: it need not wait for one once it holds nothing and all have left. One way.
  Result<void> retire();

  int keeper_pid() const;                // of the first, as of connect()
  std::vector<int> keeper_pids() const;  // of all that this client knows, the first in front
  // Readable when a process ended, or when a keeper itself is gone (then it stays readable).
  // Every connected client gets every event.
  int event_fd() const;
  struct Event {
    std::string name;  // empty: a keeper is gone
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
