// SPDX-License-Identifier: Apache-2.0
// One way of doing the thing that is measured: a technology of Vireo's or a peer. The harness takes
// samples of all probes of a metric in turn, so that the machine's moods hit all alike.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/row.h"

namespace vireo::bench {

struct Sample {
  std::map<std::string, double> values;               // by the rows' keys: "function_ready" -> 1.1
  std::map<std::string, std::vector<double>> series;  // of rows that one sample gives many figures
  // Rows that get no value because other work on the machine disturbed them, and how: they failed,
  // but not by our fault.
  std::map<std::string, std::string> disturbed;
  std::string reason{};  // why the others without a value have none
  std::vector<PhaseTime> phases;
};

// Blocking; one thread.
class Probe {
 public:
  virtual ~Probe() = default;
  // A row for each metric it gives, in order; samples are added by the harness. One that is "not
  // run" already stays so.
  virtual std::vector<Row> rows() const = 0;
  // All that must not be counted. An error makes the rows "not run: why".
  virtual Result<void> prepare() = 0;
  // An error counts as a failed sample, never dropped.
  virtual Result<Sample> measure() = 0;
  virtual void clean_up() noexcept = 0;  // also after a failure
};

}  // namespace vireo::bench
