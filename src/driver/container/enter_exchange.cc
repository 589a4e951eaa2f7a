// SPDX-License-Identifier: Apache-2.0
#include "driver/container/enter_exchange.h"

#include <poll.h>
#include <sched.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace vireo {

namespace {

constexpr std::chrono::seconds longest_answer{20};
constexpr std::chrono::milliseconds longest_spin{2};

// A start takes about as long as it takes to fall asleep and be woken, and who sleeps may be woken
// on the processor that the started program needs. Yields to whatever else can run.
void spin_for_answer(const UnixSocket& control) {
  static const bool alone = std::thread::hardware_concurrency() < 2;
  const auto until = std::chrono::steady_clock::now() + longest_spin;
  pollfd wanted{control.fd().get(), POLLIN, 0};
  while (!alone && ::poll(&wanted, 1, 0) == 0 && std::chrono::steady_clock::now() < until)
    ::sched_yield();
}

}  // namespace

Result<void> send_order(const UnixSocket& control, EnterOrder order, const std::vector<int>& fds) {
  return control.send({reinterpret_cast<const char*>(&order), sizeof order}, fds);
}

Result<EnterAnswer> receive_answer(const UnixSocket& control) {
  spin_for_answer(control);
  auto message = control.receive(sizeof(EnterReport), longest_answer);
  if (!message && message.error().code == Errc::unavailable) return EnterAnswer{};
  if (!message) return std::move(message).error().within("the parked process does not answer");
  EnterReport report{};
  if (message->bytes.size() != sizeof report)
    return Error{Errc::corrupt, "the parked process sent something else than a report"};
  std::memcpy(&report, message->bytes.data(), sizeof report);
  EnterAnswer answer{report, {}};
  if (!message->fds.empty()) answer.descriptor = std::move(message->fds[0]);
  return answer;
}

Result<Fd> expect_report(const UnixSocket& control, EnterStep step) {
  EnterAnswer answer = TRY(receive_answer(control));
  if (!answer.report) return Error{Errc::unavailable, "the parked process ended"};
  if (answer.report->step != step) return enter_error(*answer.report, {});
  return std::move(answer.descriptor);
}

}  // namespace vireo
