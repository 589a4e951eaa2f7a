// SPDX-License-Identifier: Apache-2.0
// Makes the host match what is desired, one small repeatable step at a time, looking only at what
// is marked dirty. A step decides from what is there now, never from what was meant before: a crash
// after any step is repaired by recover() and the same steps.
//
// Steps (ids): create|change|remove link LINK; prepare, start, ready, resize, stop, kill, destroy,
// pause, resume, ask state, promote, drain, silence, rewrite hosts of INSTANCE; bind, open, block,
// update, unplug PORT; commit|forget SERVICE.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>

#include "control/control.h"
#include "control/journal.h"
#include "control/reconcile/state_mover.h"
#include "control/world.h"

namespace vireo {

// Plans a row with the images that it pins.
using Replan = std::function<PlanResult(const ServiceRow&, const Allocation&)>;

class Reconciler {
 public:
  Reconciler(Control::Parts& parts, CommitQueue& commits, Journal& journal, Replan replan)
      : parts_(parts),
        commits_(commits),
        journal_(journal),
        replan_(std::move(replan)),
        mover_(parts.wake) {}

  Pool* pool = nullptr;  // set once recover() has cleared old spares
  std::map<std::string, ServiceEntry> services;

  // Reads the store, the drivers and the fabric, and marks what differs. recovery.cc
  Result<void> recover();

  // Sets what is desired of a service and starts `verb`; the row becomes durable beside the work.
  // `planned_in`: what working that out took, for the record of the starts.
  std::string accept(const std::string& verb, ServiceRow row, std::optional<Desired> desired,
                     std::optional<std::chrono::nanoseconds> planned_in = {});

  // One step; its id, or "" when there is nothing to do now.
  std::string step();
  void take_event(Driver& driver, const DriverEvent& event);
  void restart_unhealthy(FunctionEntry& function, const std::string& reason);
  void wake_due(SteadyTime now);
  std::optional<SteadyTime> next_deadline() const;
  bool awaits_commit() const { return !awaiting_commit_.empty(); }
  // A program has just been started, or a function healed: it should have the processors so long.
  SteadyTime quiet_until() const { return quiet_until_; }
  Generation* find(const InstanceId& id, FunctionEntry** function);  // also by a port id
  void wait_for_moves() { mover_.wait(); }
  void publish_event(Event event) { journal_.publish(std::move(event)); }

 private:
  enum class Outcome { acted, waiting, settled };
  using Ids = std::map<PortId, PortRecord>;

  // reconciler.cc: the queue and whole services
  void mark(const std::string& service, const std::string& function);
  void arm(SteadyTime at, const FunctionEntry& function);
  Outcome step_subject(const Subject& subject);
  void apply(ServiceEntry& service, Desired desired);
  Outcome step_service(ServiceEntry& service);
  Outcome close(ServiceEntry& service);
  Outcome close_links(ServiceEntry& service);
  Outcome forget(ServiceEntry& service);
  void save(ServiceEntry& service);
  Outcome not_saved(ServiceEntry& service, Error error);
  bool ensure_links(ServiceEntry& service);
  void record(ServiceEntry& service, std::vector<Write> writes,
              std::vector<CommitQueue::LateWrite> late = {});
  std::optional<Error> take_commit_failure(ServiceEntry& service);
  void end_operation(ServiceEntry& service, OperationState state, std::optional<Error> error = {});
  void fail(ServiceEntry& service, Error error);
  void roll_back(ServiceEntry& service, Error error);
  bool did(std::string id);
  bool keeps_quiet(const FunctionEntry& function);

  // function_steps.cc: which generation a function needs
  Outcome step_function(ServiceEntry& service, FunctionEntry& function);
  Outcome step_wanted(ServiceEntry& service, FunctionEntry& function);
  Outcome step_running(ServiceEntry& service, FunctionEntry& function);
  Outcome step_next(ServiceEntry& service, FunctionEntry& function);
  Outcome after_end(ServiceEntry& service, FunctionEntry& function);
  Outcome begin(FunctionEntry& function);
  std::unique_ptr<Generation> new_generation(FunctionEntry& function);
  Outcome pause_or_resume(ServiceEntry& service, FunctionEntry& function);
  bool adjust(ServiceEntry& service, FunctionEntry& function,
              const std::vector<FacetChange>& changes);
  bool rewire(FunctionEntry& function);
  bool rewrite_hosts(FunctionEntry& function);
  void retire(FunctionEntry& function, std::unique_ptr<Generation>& generation);
  void set_back(FunctionEntry& function);
  void write_row(ServiceEntry& service, FunctionEntry& function);
  void now_running(ServiceEntry& service, FunctionEntry& function);
  void publish(const FunctionEntry& function, std::string kind, std::string message);

  // generation_steps.cc: one generation up and down
  Outcome advance(ServiceEntry& service, FunctionEntry& function, Generation& generation);
  Result<void> prepare(Generation& generation);
  void tell_low(const std::string& technology);
  Result<void> bind(FunctionEntry& function, Generation& generation, PortSlot& slot);
  PortSlot* plugged_before(FunctionEntry& function, const Generation& generation,
                           const PortSlot& slot);
  Result<void> start(Generation& generation);
  bool open_port(FunctionEntry& function, Generation& generation, PortSlot& slot);
  Outcome failed(ServiceEntry& service, FunctionEntry& function, Generation& generation,
                 Error error);
  Outcome step_old(ServiceEntry& service, FunctionEntry& function);
  Outcome stop_old(FunctionEntry& function, Generation& generation);
  bool clear_old(Generation& generation);

  // handover_steps.cc: state and traffic from one generation to the next
  Outcome move_state(Generation& from, Generation& to);
  void note_moved(StateMover::Finished finished);
  uint64_t read_by(const OpenHandover& handover);
  TrafficCount count_both(const Generation& old, const Generation& next);
  void begin_handover(Generation& old, Generation& next);
  void handed_over(Generation& old, const Generation& next);
  bool drained(const Generation& old, uint64_t read);
  Outcome drain(ServiceEntry& service, FunctionEntry& function, Generation& old);
  void take_back(FunctionEntry& function);
  void record_handover(ServiceEntry& service, const FunctionEntry& function, const Generation& old,
                       const Generation& next);
  void end_handover(ServiceEntry& service, FunctionEntry& function, Generation& old);

  // recovery.cc
  Result<void> recover_rows();
  Result<void> recover_instances(std::set<PortId>& owned, const Ids& ports);
  void recover_one(Driver& driver, const InstanceStatus& status, const Ids& ports,
                   std::set<PortId>& owned);
  void recover_ports(const Ids& ports, const std::set<PortId>& owned);
  bool adopt(FunctionEntry& function, Generation& generation, const InstanceStatus& status);
  void recover_operations();

  Control::Parts& parts_;
  CommitQueue& commits_;
  Journal& journal_;
  Replan replan_;
  std::deque<Subject> queue_;
  std::set<Subject> queued_;
  std::multimap<SteadyTime, Subject> timers_;
  std::set<std::string> awaiting_commit_;
  std::string last_step_;
  SteadyTime quiet_until_{};
  StateMover mover_;  // last: ends before what it uses
};

}  // namespace vireo
