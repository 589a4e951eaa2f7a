// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/roll_call.h"

#include <fmt/format.h>

#include "bench/probe/crowd.h"
#include "bench/probe/echo_prober.h"
#include "bench/probe/lab.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr unsigned most_requests = 3;

Result<void> ping(const IpAddress& address) {
  EchoProber prober = TRY(EchoProber::open(address));
  for (unsigned request = 1;; request++) {
    auto answered = prober.run(1, 0us);
    if (answered) return {};
    if (request == most_requests || answered.error().code != Errc::timed_out)
      return std::move(answered).error();
  }
}

Result<void> call(HttpClient& client, const CalledService& service) {
  TRY(Lab::run_over(client, service.joined, service.name));
  auto answered = ping(service.address);
  TRY(Lab::run_over(client, service.descriptor, service.name));
  return answered;
}

}  // namespace

void Tally::note(unsigned number, Result<void> answer) {
  const std::lock_guard lock(mutex_);
  if (answer)
    answered_++;
  else
    missing_.emplace(number, answer.error().message);
}

Result<unsigned> Tally::all() const {
  const std::lock_guard lock(mutex_);
  if (answered_ == count_) return count_;
  std::string first = "nobody knows which";
  if (!missing_.empty())
    first = fmt::format("{}: {}", missing_.begin()->first, missing_.begin()->second);
  return Error{Errc::unavailable, fmt::format("{} of {} answered; the first that did not is {}",
                                              answered_, count_, first)};
}

Result<unsigned> roll_call(const std::string& socket, unsigned count,
                           const std::function<CalledService(unsigned)>& service,
                           const std::function<bool()>& interrupted) {
  Tally tally(count);
  TRY(crowd(socket, 1, count, [&](HttpClient& client, unsigned number) -> Result<void> {
    if (interrupted())
      tally.note(number, Error{Errc::unavailable, "interrupted"});
    else
      tally.note(number, call(client, service(number)));
    return {};
  }));
  return tally.all();
}

}  // namespace vireo::bench
