// SPDX-License-Identifier: Apache-2.0
// Runs instances of one technology on this host. The contract suite in tests/contract/ is its law.
//
// A driver is thread-safe: the control thread and the pools' refill thread call it. Calls block for
// as short as the technology allows and never wait for an instance to end. Every call may be
// repeated with the same id: a reconciler that crashed half-way does exactly that. What runs
// outlives the daemon; list() finds it again.
#pragma once
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "model/instance.h"
#include "model/operation.h"

namespace vireo {

struct DriverInfo {
  std::string name;                       // "container"
  std::vector<std::string> technologies;  // what it runs, in the draft's words
  std::vector<PortKind> port_kinds;       // what it takes, best first
};

// What this host gives a technology, in sentences for a person.
struct HostSupport {
  bool possible = false;
  std::string how;                   // "cgroup v1 (v2 advised), overlay, userns"
  std::vector<std::string> missing;  // why not, each with the remedy
  std::vector<std::string> advice;   // possible, but better with ...
  std::vector<std::string> needs{};  // all that it needs, here or not
};

// A shape of shell that can be made ahead of a request.
struct ShellShape {
  std::string technology;
  bool own_network = true;  // a network namespace of its own, for veth ports
  auto operator<=>(const ShellShape&) const = default;
};

// A place made ready for an instance: namespaces, control groups, a parked process.
struct Shell {
  InstanceId id;         // "~container-17"
  Fd network_namespace;  // valid when the shape asked for one
};

// Of instances, and the end of a spare shell that nobody destroyed.
struct DriverEvent {
  enum class Kind { ready, exited };
  Kind kind = Kind::exited;
  InstanceId id;
  SteadyTime at;
  ExitReason exit;  // exited
};

// Optional power: runs another process inside a running instance.
class Executor {
 public:
  virtual ~Executor() = default;
  struct Request {
    std::vector<std::string> arguments;
    bool terminal = false;
    unsigned rows = 24, columns = 80;
  };
  // terminal: `io` is the terminal's controlling end, stdout and stderr are one; otherwise `in`,
  // `out`, `err` are pipes. `exit` is readable once it has ended; then exit_code() tells.
  struct Session {
    std::string id;
    Fd terminal, in, out, err, exit;
  };
  virtual Result<Session> exec(const InstanceId& id, const Request& request) = 0;
  virtual Result<int> exit_code(const std::string& session) = 0;  // once; 128+n for a signal
};

// Optional power: changes limits of a running instance.
class Resizer {
 public:
  virtual ~Resizer() = default;
  virtual Result<void> resize(const InstanceId& id, const Resources& resources) = 0;
};

// Optional power: halts a running instance where it is, and lets it go on from there.
class Pauser {
 public:
  virtual ~Pauser() = default;
  // Returns when nothing of it runs any more. What is sent to it waits or is lost, as to one that
  // is busy. One that is paused: success; one that has ended: Errc::conflict. list() goes on to say
  // that it runs; stop() and destroy() do as of any other.
  virtual Result<void> pause(const InstanceId& id) = 0;
  virtual Result<void> resume(const InstanceId& id) = 0;  // one that is not paused: success
  virtual bool paused(const InstanceId& id) = 0;          // also by a daemon before this one
};

// Optional power of drivers that run libvnf functions: their vitals and the state of their flows.
class FunctionAccess {
 public:
  virtual ~FunctionAccess() = default;
  // A read-only mapping's descriptor of the vitals page (vnf/abi.h); the content is not trusted.
  virtual Result<Fd> vitals(const InstanceId& id) = 0;
  // Blocks until the function answered or `deadline` passed.
  virtual Result<std::string> export_state(const InstanceId& id,
                                           std::chrono::milliseconds deadline) = 0;
  virtual Result<void> import_state(const InstanceId& id, std::string_view state,
                                    std::chrono::milliseconds deadline) = 0;
};

// Optional power of drivers whose instances are processes with a network namespace: for health
// checks from inside, and for tools of the host.
class NetworkAccess {
 public:
  virtual ~NetworkAccess() = default;
  virtual Result<Fd> network_namespace(const InstanceId& id) = 0;
  virtual Result<int> pid(const InstanceId& id) = 0;  // of its first process, as the host counts
};

// Optional power: replaces what a running instance reads in a file that it was given.
class FileAccess {
 public:
  virtual ~FileAccess() = default;
  // `file.path` as in InstanceSpec::files; its mode stays. A file it was not given: not_found.
  virtual Result<void> rewrite(const InstanceId& id, const FileContent& file) = 0;
};

// Optional power: where output goes, in the CRI log format.
class OutputAccess {
 public:
  virtual ~OutputAccess() = default;
  // Files to read for an instance, oldest first: what the generation before it left, then its own.
  // They need not exist. Of an instance that is gone the last output is there too.
  virtual std::vector<std::string> log_paths(const InstanceId& id) = 0;
  // The function will not come back: removes what its generations left.
  virtual void forget_output(const InstanceId& id) = 0;
};

// Optional power: loads a program into a spare shell ahead of its start.
class Preloader {
 public:
  virtual ~Preloader() = default;
  // Executes the program of `like` and halts it before its first instruction, or, a libvnf
  // function, where it waits for its identity. From then on the shell starts only instances of
  // which same_program() is true (Errc::conflict otherwise). After an error the shell is gone.
  virtual Result<void> preload(const InstanceId& shell, const InstanceSpec& like) = 0;
};

enum class StopKind { ask, kill };  // ask: the image's stop signal; kill: at once

class Driver {
 public:
  virtual ~Driver() = default;
  virtual const DriverInfo& info() const = 0;
  virtual HostSupport check_host() = 0;

  // Makes a shell (slow: off the request's path when pooled).
  virtual Result<Shell> prepare(const ShellShape& shape) = 0;
  // Fills a shell and starts the instance in it; from success on the shell goes by spec.id.
  // Returns when the entry point has been executed, or with what failed (the shell is then gone).
  // `phases`, when given, receives the time of each part. An id that runs already is success.
  virtual Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                             std::vector<PortEndpoint> ports, std::vector<Phase>* phases) = 0;
  // Does not wait: the end arrives as an event. An ended or unknown instance is success.
  virtual Result<void> stop(const InstanceId& id, StopKind kind) = 0;
  // Removes an ended instance, a spare shell or (after a kill) a running one; slow parts go on in
  // the background. An unknown id is success.
  virtual Result<void> destroy(const InstanceId& id) = 0;
  // Instances and spare shells that exist, running or ended and not yet destroyed.
  virtual Result<std::vector<InstanceStatus>> list() = 0;
  // In bulk; ids that are gone are left out.
  virtual std::vector<InstanceUsage> usage(std::span<const InstanceId> ids) = 0;

  // In which of its own ways an instance was started, "" for a driver that has one or an id that is
  // not there.
  virtual std::string start_tier(const InstanceId&) { return {}; }

  // The caller waits for nothing now: the time for what a start put off.
  virtual void rest() {}

  // Readable while take_events() has something.
  virtual int event_fd() const = 0;
  virtual std::vector<DriverEvent> take_events() = 0;

  virtual Executor* executor() { return nullptr; }
  virtual Resizer* resizer() { return nullptr; }
  virtual Pauser* pauser() { return nullptr; }
  virtual FunctionAccess* functions() { return nullptr; }
  virtual NetworkAccess* network() { return nullptr; }
  virtual FileAccess* files() { return nullptr; }
  virtual OutputAccess* output() { return nullptr; }
  virtual Preloader* preloader() { return nullptr; }
};

}  // namespace vireo
