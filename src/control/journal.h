// SPDX-License-Identifier: Apache-2.0
// What happened: the ring of events, and the records of operations (the last 100 of each service,
// also in the store). For the control thread.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/commit_queue.h"
#include "control/control.h"
#include "store/store.h"

namespace vireo {

class Journal {
 public:
  Journal(Store& store, CommitQueue& commits, Clock& clock)
      : store_(store), commits_(commits), clock_(clock) {}
  Result<void> load();

  void publish(Event event);
  std::vector<Event> events_after(uint64_t id) const;

  // A new record in state STARTING; the caller commits row() together with what it wants.
  std::string begin(const std::string& verb, const std::string& service);
  CommitQueue::LateWrite row(const std::string& id) const;
  void add_step(const std::string& id, OperationStep step);
  // `error` is kept once set. Ended records are written to the store.
  void set_state(const std::string& id, OperationState state, std::optional<Error> error = {});
  const Operation* find(const std::string& id) const;
  std::vector<Operation> of_service(const std::string& service) const;  // newest first; "": all
  std::vector<std::string> unfinished() const;

  std::vector<std::function<void(const Event&)>> event_listeners;
  std::vector<std::function<void(const Operation&)>> operation_listeners;

 private:
  void keep(Operation operation);
  void trim(const std::string& service);
  void drop_oldest(const std::set<uint64_t>& numbers, size_t most, std::vector<Write>& writes);

  Store& store_;
  CommitQueue& commits_;
  Clock& clock_;
  std::deque<Event> events_;
  uint64_t next_event_ = 1, reserved_events_ = 1;
  uint64_t next_operation_ = 1;
  std::map<std::string, Operation> operations_;
  std::set<uint64_t> numbers_;                            // of all of them
  std::map<std::string, std::set<uint64_t>> numbers_of_;  // by service
  std::map<std::string, SteadyTime> began_;
};

bool is_ended(OperationState state);

}  // namespace vireo
