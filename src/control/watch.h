// SPDX-License-Identifier: Apache-2.0
// Health and figures of running instances: vitals and checks at their intervals, usage and counters
// once a second, in bulk. Of more than `most_at_once` instances each turn of a second looks at a
// part, so that thousands that do nothing cost next to nothing; usage, counters and heartbeats are
// then looked at every so many turns. For the control thread.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "control/control.h"
#include "control/reconcile/reconciler.h"

namespace vireo {

class Watcher {
 public:
  Watcher(Control::Parts& parts, Reconciler& reconciler) : parts_(parts), reconciler_(reconciler) {}

  void tick(SteadyTime now);
  std::optional<SteadyTime> next_deadline() const { return next_; }
  void start(SteadyTime now) { next_ = now + interval; }

 private:
  static constexpr auto interval = std::chrono::seconds(1);
  static constexpr long most_at_once = 128;
  using Part = std::vector<FunctionEntry*>;
  Part running_part();
  void observe(SteadyTime now);
  void observe_usage(const Part& part, Driver& driver, SteadyTime now);
  void observe_ports(const Part& part, SteadyTime now);
  long turns() const { return running_ / most_at_once + 1; }  // until all have been looked at
  void check(FunctionEntry& function, SteadyTime now);
  void check_vitals(FunctionEntry& function, SteadyTime now);
  void conclude(FunctionEntry& function, const Result<void>& result);

  Control::Parts& parts_;
  Reconciler& reconciler_;
  std::optional<SteadyTime> next_, next_observation_;
  long running_ = 0, turn_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // answers may come after the end
};

}  // namespace vireo
