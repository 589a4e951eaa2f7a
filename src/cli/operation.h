// SPDX-License-Identifier: Apache-2.0
// Long work of the daemon, followed to its end.
#pragma once
#include <chrono>
#include <functional>
#include <string>

#include "cli/daemon.h"

namespace vireo {

struct FollowOptions {
  std::string waiting;  // what the progress line says, "branch-office"
  // At the first Ctrl-C; the second leaves. Absent: the first leaves.
  std::function<Result<void>()> on_interrupt;
  std::string left_behind;  // what to say when the user leaves
  // Whose functions are to become ready, "": none is. They are looked at whenever this has passed.
  std::string service{};
  std::chrono::milliseconds look_every{1000};
};

// Shows progress on a terminal until the operation has ended, however long that takes. What keeps a
// function of `service` from being ready is told on standard error, terminal or not, each reason
// once, and how to learn more. An operation that failed is an Error with its reason and id.
Result<Json> follow_operation(Daemon& daemon, Json operation, const FollowOptions& options);

// A function as the API describes it: it runs, and nothing speaks against its health.
bool is_ready(const Json& function);

// "(plan 0.1  ports 0.2 pool  start 0.6)" from the phases of a step or function.
std::string phases_text(const Json& phases);

}  // namespace vireo
