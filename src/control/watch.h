// SPDX-License-Identifier: Apache-2.0
// Health and figures of running instances: vitals and checks at their intervals, usage and counters
// once a second, in bulk. For the control thread.
#pragma once
#include <memory>
#include <optional>

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
  void observe(SteadyTime now);
  void observe_usage(Driver& driver, SteadyTime now);
  void observe_ports(SteadyTime now);
  void check(FunctionEntry& function, SteadyTime now);
  void check_vitals(FunctionEntry& function);
  void conclude(FunctionEntry& function, const Result<void>& result);

  Control::Parts& parts_;
  Reconciler& reconciler_;
  std::optional<SteadyTime> next_, next_observation_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // answers may come after the end
};

}  // namespace vireo
