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

// What was done to one function, link or port.
struct OperationStep {
  std::string id;       // stable: "create link default/s/lan", ...
  std::string subject;  // "branch-office/fw"
  std::vector<Phase> phases;
  std::chrono::nanoseconds duration{0};
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
