// SPDX-License-Identifier: Apache-2.0
// Looks at running instances once a second: usage, counters, heartbeats, and starts health checks.
// For the control thread.
#pragma once
#include <memory>
#include <vector>

#include "control/reconciler.h"

namespace vireo {

class Observer {
 public:
  Observer(Control::Parts& parts, Reconciler& reconciler, Journal& journal)
      : parts_(parts), reconciler_(reconciler), journal_(journal), next_(parts.clock.now()) {}

  SteadyTime next() const { return next_; }
  void observe(SteadyTime now);  // nothing before next()

 private:
  void measure(SteadyTime now);
  void read_vitals(FunctionEntry& function);
  void check(FunctionEntry& function, SteadyTime now);
  void judge(FunctionEntry& function, const HealthCheck& check, const Result<void>& outcome);
  void set_health(FunctionEntry& function, const std::string& health, const std::string& reason);

  Control::Parts& parts_;
  Reconciler& reconciler_;
  Journal& journal_;
  SteadyTime next_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for checks that come back late
};

}  // namespace vireo
