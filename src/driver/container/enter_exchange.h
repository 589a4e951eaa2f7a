// SPDX-License-Identifier: Apache-2.0
// The driver's side of the talk with vireo-enter (enter_plan.h).
#pragma once
#include <optional>
#include <vector>

#include "driver/container/plan/container_plan.h"
#include "driver/container/plan/enter_plan.h"
#include "host/unix_socket.h"

namespace vireo {

Result<void> send_order(const UnixSocket& control, EnterOrder order, const std::vector<int>& fds);

// Nothing: the socket ended, the entry point was executed.
struct EnterAnswer {
  std::optional<EnterReport> report;
  Fd descriptor;
};
Result<EnterAnswer> receive_answer(const UnixSocket& control);
// What came with it. A failed step is an error.
Result<Fd> expect_report(const UnixSocket& control, EnterStep step);

}  // namespace vireo
