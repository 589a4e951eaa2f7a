// SPDX-License-Identifier: Apache-2.0
// Long work of the daemon, followed to its end.
#pragma once
#include <functional>

#include "cli/daemon.h"

namespace vireo {

struct FollowOptions {
  std::string waiting;  // what the progress line says, "branch-office"
  // At the first Ctrl-C; the second leaves. Absent: the first leaves.
  std::function<Result<void>()> on_interrupt;
  std::string left_behind;  // what to say when the user leaves
};

// Shows progress on a terminal until the operation has ended. An operation that failed is an Error
// with its reason and id.
Result<Json> follow_operation(Daemon& daemon, Json operation, const FollowOptions& options);

// "(plan 0.1  ports 0.2 pool  start 0.6)" from the phases of a step or function.
std::string phases_text(const Json& phases);

}  // namespace vireo
