// SPDX-License-Identifier: Apache-2.0
#include "keeper/fork_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "keeper/zygote_protocol.h"

namespace vireo::keeper {
namespace {

constexpr int patience_ms = 1000;

bool ask(const ForkPlan& plan) {
  std::vector<int> fds{plan.output, plan.error};
  fds.insert(fds.end(), plan.fds.begin(), plan.fds.end());
  const ZygoteRequest request{plan.argument};
  const std::string_view bytes(reinterpret_cast<const char*>(&request), sizeof request);
  return send_with_fds(plan.zygote, bytes, fds, MSG_DONTWAIT) >= 0;
}

// An errno.
int hear(int zygote, ZygoteAnswer& answer) {
  pollfd wanted{zygote, POLLIN, 0};
  if (::poll(&wanted, 1, patience_ms) != 1) return ETIMEDOUT;
  const ssize_t got = ::recv(zygote, &answer, sizeof answer, MSG_DONTWAIT);
  if (got < 0) return errno;
  return got == sizeof answer ? answer.error_number : EPIPE;
}

}  // namespace

Started fork_process(const ForkPlan& plan) {
  ZygoteAnswer answer;
  const int failed = ask(plan) ? hear(plan.zygote, answer) : errno;
  if (failed != 0 || answer.pid <= 0) {
    ::shutdown(plan.zygote, SHUT_RDWR);
    return {Step::fork, failed, 0, Fd()};
  }
  // Nobody else reaps it: the number is its own.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, answer.pid, 0)));
  return {Step::none, 0, answer.pid, std::move(pidfd)};
}

}  // namespace vireo::keeper
