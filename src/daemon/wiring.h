// SPDX-License-Identifier: Apache-2.0
// Builds the daemon: the only place that names concrete drivers, fabrics and stores.
#pragma once
#include <memory>

#include "base/result.h"
#include "daemon/loop.h"
#include "daemon/options.h"

namespace vireo {

class Daemon {
 public:
  // Takes the state directory's lock (Errc::conflict when another daemon has it), connects to the
  // keeper or starts one, recovers what runs, and listens.
  static Result<std::unique_ptr<Daemon>> start(const DaemonOptions& options, Loop& loop);
  ~Daemon();  // instances go on

  struct State;

 private:
  explicit Daemon(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vireo
