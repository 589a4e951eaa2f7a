// SPDX-License-Identifier: Apache-2.0
// The way of the traffic from one generation of a function to the next, and what of it got lost:
// counted by the fabric and by the function, not guessed. model/operation.h says what the figures
// mean.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "model/instance.h"
#include "vnf/abi.h"

namespace vireo {

// What had been counted at one moment.
struct TrafficCount {
  uint64_t refused = 0;    // by the fabric, of what either generation sent
  uint64_t missed = 0;     // by the next one: its gate was closed, its queue full
  uint64_t delivered = 0;  // to the old one
  uint64_t read = 0;       // by the old one
};
TrafficCount count_traffic(std::span<const PortCounters> old, std::span<const PortCounters> next,
                           uint64_t read);
// Packets that a function says it has read. Its word is not trusted, and can do no harm.
uint64_t packets_read(const vnf::Vitals& vitals);
uint64_t unread(const TrafficCount& count);  // by the old one, of what was delivered
uint64_t lost_between(const TrafficCount& before, const TrafficCount& after);

// Of a generation that is being left, from before its first port is exchanged until it has sent
// what it had.
struct OpenHandover {
  InstanceId to;
  Fd vitals;
  TrafficCount before;
  SteadyTime began;  // the first swap
  std::chrono::nanoseconds gap{0};
  bool complete = false;  // all ports are the next one's
  SteadyTime drain_began, deadline;
  bool asked = false, heard = false;    // whether it is done with what it had read
  std::optional<uint64_t> last_read{};  // when it said so last
  unsigned idle_answers = 0;            // in a row that found nothing read
  std::string note;                     // of what did not succeed
};

}  // namespace vireo
