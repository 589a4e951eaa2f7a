// SPDX-License-Identifier: Apache-2.0
// A piece of long work and its record: ETSI GS NFV-SOL 003 clause 5.5.2.13, "VNF LCM operation
// occurrence", whose state names are used.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace vireo {

enum class OperationState {
  starting,
  processing,
  completed,
  failed_temp,
  failed,
  rolling_back,
  rolled_back
};
std::string to_string(OperationState state);  // "STARTING", ... "FAILED_TEMP"

struct Phase {
  std::string name;  // "plan", "ports", "start", "function", "commit", ...
  std::string note;  // "pool" or "cold", may be empty
  std::chrono::nanoseconds duration{0};
};

// What it cost the traffic to exchange a running function for its next generation.
struct Handover {
  // From the first port's swap to the end of the last one's: until then frames could come in by the
  // one generation and find the other on their way out.
  std::chrono::nanoseconds gap{0};
  // Packets (frames; a segment that the kernel has not cut yet is one): what the fabric refused of
  // what either generation sent, from before the first swap until the old one had nothing left to
  // send; what the next one's ports had no room for from the last swap on; what the old one had not
  // read when it was stopped. What a function itself refuses is not lost. Nothing: the fabric does
  // not count what it refuses.
  std::optional<uint64_t> lost;
};

// What was done to one function, link or port.
struct OperationStep {
  std::string id;       // stable: "create link default/s/lan", ...
  std::string subject;  // "branch-office/fw"
  std::vector<Phase> phases;
  std::chrono::nanoseconds duration{0};
  std::optional<Handover> handover{};
};

struct Operation {
  std::string id;
  std::string verb;  // "run", "stop", "rm", "heal", ...
  std::string service;
  OperationState state = OperationState::starting;
  WallTime started, changed;
  std::chrono::nanoseconds duration{0};
  std::vector<OperationStep> steps;
  std::optional<Error> error;
};

}  // namespace vireo
