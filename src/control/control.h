// SPDX-License-Identifier: Apache-2.0
// Keeps the host as the user described it: plans a submission (pure), applies it in small
// repeatable steps with an undo, heals what ends, recovers after a crash by running the same
// reconciler over list() of drivers and fabric against the store.
//
// For one thread, the control thread, which also serves the API: nothing here blocks longer than
// one step of a driver or fabric. The loop that owns it calls handle_events() when a descriptor of
// event_fds() is readable, tick() at next_deadline(), and work() while it returns true.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/image_catalog.h"
#include "control/instance_probe.h"
#include "driver/driver.h"
#include "fabric/fabric.h"
#include "model/descriptor.h"
#include "model/operation.h"
#include "model/service.h"
#include "store/store.h"

namespace vireo {

struct Submission {
  std::string descriptor;                    // the text
  std::string file = "descriptor";           // its name, for messages
  std::map<std::string, std::string> files;  // local files it names, as the CLI read them
};

struct PlanChange {
  enum class Action { create, change, replace, remove };
  Action action = Action::create;
  std::string kind;  // "link", "function", "chain"
  std::string name;
  std::string summary;               // the columns as ux.md shows them
  std::string old_value, new_value;  // of a change
  std::string gap;                   // replace: "make before break, no gap" or the gap
};

struct Plan {
  std::string service;
  std::vector<PlanChange> changes;  // empty: nothing to do
  std::vector<Finding> findings;    // not empty: cannot be run; changes are then empty
  std::string text;                 // what `vireo plan` prints; findings included
};

struct FunctionStatus {
  std::string service, function;  // "branch-office", "fw"
  InstanceId instance;            // of the current generation, "" when none
  std::string technology, image, image_digest;
  std::string state;   // starting running paused stopped exited backing-off blocked
  std::string health;  // ready healthy unhealthy unknown
  std::string reason;  // why it is not running or not healthy
  std::optional<WallTime> started;
  int pid = 0;  // of its first process on this host; 0: it does not run, or is no process
  unsigned restarts = 0;
  std::optional<std::chrono::nanoseconds> healed_in;  // of the last healing
  std::vector<PortSpec> ports;
  std::vector<PortCounters> port_counters;
  InstanceUsage usage;
  double cpu_percent = 0, packets_per_second = 0;          // over the last interval of observation
  std::vector<std::pair<std::string, uint64_t>> counters;  // libvnf function, by name
  uint64_t flows = 0;
  std::vector<Phase> phases;  // of the last start
  // How it was started: in a shell made ahead, "loaded" (with its program) or "pooled", or "cold";
  // a driver's own ways (Driver::start_tier) go before these. "": by an earlier daemon.
  std::string tier;
};

struct ServiceStatus {
  std::string name;
  std::string state;  // running, partly, paused, stopped
  std::vector<FunctionStatus> functions;
  std::vector<LinkSpec> links;
  std::vector<std::string> chain;
};

struct Event {
  uint64_t id = 0;  // grows; survives restarts of the daemon
  WallTime time;
  std::string kind;  // docs/api.md
  std::string service, function, operation, message;
  std::map<std::string, std::string> values;
};

struct PoolMetrics {
  std::string technology;
  uint64_t hits = 0, misses = 0;       // starts that found a spare, or none
  uint64_t loaded_hits = 0;            // of the hits: with the program loaded
  unsigned ready = 0, loaded = 0;      // spares without and with a program
  unsigned missing = 0;                // what the refill has still to make
  std::chrono::nanoseconds refill{0};  // of the last one
  std::chrono::nanoseconds load{0};    // of the last program that was loaded ahead, shell included
  // Of the last refill as a whole, from its begin until nothing of any kind was missing, if it
  // loaded programs of this technology: how many.
  unsigned refilled = 0;
  std::chrono::nanoseconds refilled_in{0};
  std::map<std::string, uint64_t> starts{};  // by tier: FunctionStatus::tier
};

struct ControlOptions {
  std::string log_directory;  // LOG_DIRECTORY/SERVICE/FUNCTION.log...
  // Spare shells and ports of each shape, and as many programs loaded ahead; 0: always cold.
  unsigned pool_size = 4;
  std::chrono::seconds keep_loaded{60};  // a program that no service uses any more
  uint64_t host_memory = 0;              // bytes, for "more memory than the host has"
  double host_cpus = 0;
  // Technologies of the language that no driver runs, and why: for findings.
  std::map<std::string, HostSupport> absent;
  // Called after each step of work with its id; a test stops the daemon there.
  std::function<void(const std::string&)> after_step;
};

class Control {
 public:
  struct Parts {
    Store& store;
    Fabric& fabric;
    std::vector<Driver*> drivers;
    ImageCatalog& images;
    Clock& clock;
    InstanceProbe& probe;
    // Called on another thread when work() has something to do again; may be empty.
    std::function<void()> wake;
  };
  // Reads the store and what really runs, and queues what differs.
  static Result<std::unique_ptr<Control>> open(Parts parts, ControlOptions options);
  ~Control();

  Plan plan(const Submission& submission);
  // Errors of the submission are in the plan's findings; otherwise the operation's id.
  struct Accepted {
    Plan plan;
    std::string operation;  // "" when there are findings
  };
  Result<Accepted> run(const Submission& submission);
  Result<std::string> remove(const std::string& service);
  // Of a paused function, resume lets the instance go on, start too; stop and restart end it.
  enum class Verb { stop, start, restart, pause, resume };
  // `function` empty: all of the service.
  Result<std::string> change(const std::string& service, const std::string& function, Verb verb);

  std::vector<ServiceStatus> services();
  Result<ServiceStatus> service(const std::string& name);
  Result<Operation> operation(const std::string& id);
  std::vector<Operation> operations(const std::string& service);
  std::vector<PoolMetrics> pools();
  HostSupport absent(std::string_view technology) const;  // of one that no driver runs
  // The driver and instance behind "SERVICE", "FUNCTION", for exec and logs.
  Result<std::pair<Driver*, InstanceId>> find_instance(const std::string& service,
                                                       const std::string& function);
  // The same for a function that may not run now: its last instance.
  Result<std::pair<Driver*, InstanceId>> find_last(const std::string& service,
                                                   const std::string& function);
  bool uses_image(const std::string& digest) const;
  void forget_image(const std::string& digest);  // one that is removed: spares may have it

  std::vector<Event> events_after(uint64_t id);
  void on_event(std::function<void(const Event&)> listener);          // called on this thread
  void on_operation(std::function<void(const Operation&)> listener);  // state changed
  void publish(Event event);                                          // id and time are filled in

  std::vector<int> event_fds() const;
  void handle_events();
  bool work();  // one step; true: call again
  std::optional<SteadyTime> next_deadline() const;
  void tick();
  // Blocks until all that was written is durable: before a clean end.
  void wait_for_commits();
  // Blocks until functions that were asked for their state have answered, or did not in time.
  void wait_for_moves();
  void wait_for_spares();  // until the pools are full

 private:
  struct State;
  explicit Control(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vireo
