// SPDX-License-Identifier: Apache-2.0
// What control holds in memory of services, functions and their generations. Plain values; the
// reconciler moves them.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/commit_queue.h"
#include "control/control.h"
#include "control/plan/planner.h"
#include "control/pool/pool.h"
#include "control/reconcile/handover.h"
#include "control/reconcile/rows.h"

namespace vireo {

struct PortSlot {
  PortSpec spec;
  PortId spare;  // until it is bound
  bool plugged = false, open = false;
  bool sending = false;   // GateState::sending: beside one that has its place
  bool stale = false;     // it may have been told other things than `spec` says
  PortEndpoint endpoint;  // from bind until start
};

// One copy of a function, from the shell that it takes to the last thing that it leaves.
struct Generation {
  enum class Stage { prepare, bind, start, booting, running, ended };
  uint64_t number = 0;
  InstanceSpec spec;
  Driver* driver = nullptr;
  Facets facets;
  Stage stage = Stage::prepare;
  InstanceId shell;  // taken and not yet filled
  std::vector<PortSlot> ports;
  bool pooled = false, loaded = false;  // what the pool gave
  std::string tier;                     // how it was started: FunctionStatus::tier
  bool exists = false;                  // the driver may know it by spec.id
  bool ready = false;                   // said so (libvnf), or needs not
  bool paused = false;                  // it stands still, by the user's wish
  // Of a replacement: whether the state of the one before it has been asked for, and has come.
  bool state_asked = false, state_moved = false;
  bool asked = false, killed = false;  // to stop
  SteadyTime deadline;                 // to be ready, or until it is killed
  SteadyTime began, port_began, start_began, state_began;
  std::vector<Phase> phases;
  std::optional<ExitReason> exit;
  std::optional<OpenHandover> handover;  // while its traffic goes to the next one
};

struct Watch {
  uint64_t heartbeat = 0, flows = 0;
  std::vector<uint64_t> counters;
  std::optional<HealthCheck> check;  // that the following is about
  unsigned failures = 0;
  bool checking = false;
  std::optional<SteadyTime> next_check;
  std::string health = "unknown", reason;
  InstanceUsage usage;
  std::vector<PortCounters> ports;
  uint64_t last_packets = 0;
  std::optional<SteadyTime> observed;
  double cpu_percent = 0, packets_per_second = 0;

  // Another check: what the one before it said is of no meaning.
  void restart(std::optional<HealthCheck> wanted) {
    check = std::move(wanted);
    failures = 0;
    next_check.reset();
    health = "unknown";
    reason.clear();
  }
};

struct FunctionEntry {
  std::string service, name;
  std::optional<DesiredFunction> desired;  // nothing: shall go
  bool stopped = false;
  bool paused = false;  // wanted so
  uint64_t floor = 0;   // generations below are replaced
  uint64_t last_number = 0;
  std::unique_ptr<Generation> current, next;
  std::vector<std::unique_ptr<Generation>> old;  // on their way out
  std::optional<InstanceRow> row;                // as last enqueued
  unsigned restarts = 0;
  std::optional<SteadyTime> last_end;  // of an unwanted end
  std::chrono::nanoseconds backoff{0};
  std::optional<SteadyTime> retry_at;
  std::optional<SteadyTime> down_since;  // while healing
  std::optional<std::chrono::nanoseconds> healed_in;
  std::string reason;
  Watch watch;

  bool wanted() const { return desired.has_value() && !stopped; }
};

struct LinkEntry {
  std::optional<DesiredLink> desired;
  Facets applied;
  bool exists = false;
};

struct ServiceEntry {
  std::string name;
  ServiceRow row;
  bool has_row = false;
  bool planned = false;  // `desired` follows from `row`; else hands off
  std::string blocked;   // why it is not planned
  Desired desired;
  std::map<std::string, LinkEntry> links;
  std::map<std::string, FunctionEntry> functions;
  std::set<std::string> unsettled;  // functions
  std::string operation;            // under way, or ""
  std::optional<std::chrono::nanoseconds> planned_in;
  std::optional<Error> failure;    // of the operation, while it is rolled back
  CommitQueue::Ticket ticket = 0;  // the last write for it
  std::vector<CommitQueue::Ticket> tickets;
  bool closing = false;                // the last rows of the operation are enqueued
  bool unsaved = false;                // a write failed: all rows are written again
  std::optional<SteadyTime> retry_at;  // of its links and rows
};

// By service, and the function ("" for the service itself).
using Subject = std::pair<std::string, std::string>;

}  // namespace vireo
