// SPDX-License-Identifier: Apache-2.0
// One line of a benchmark's result, measured, published or not run, and its JSON.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "bench/statistics.h"

namespace vireo::bench {

enum class RowStatus { measured, not_run, published };

struct Ratio {
  std::string to;  // "docker", "bare_veth"
  double median = 0;
  std::pair<double, double> ci95;
};

struct PhaseTime {
  std::string name;
  double ms = 0;  // median
};

struct Goal {
  std::string text;         // "<= 1.2 ms"
  std::optional<bool> met;  // nothing when it could not be judged
};

struct Row {
  std::string metric;       // instantiation, function_ready, stop, throughput, ...
  std::string technology;   // "container", "" for a peer
  std::string mode;         // "pooled", "cold", "idle", "flooded", ...
  std::string accelerator;  // "none" for containers
  std::string direction;    // throughput: "tx", "rx"
  std::string peer;         // "docker 20.10.24", "runc 1.1.5", "bare_veth"
  std::string unit;
  RowStatus status = RowStatus::measured;
  std::string reason;  // of not_run, in words
  std::string key;     // of the probe's values; "": the metric
  std::vector<double> samples;
  std::vector<unsigned> turns;  // in which turn of the harness each sample was taken
  unsigned failed = 0;          // attempts without a value
  unsigned disturbed = 0;       // those of them that other work on the machine spoilt
  std::vector<Ratio> ratios;    // the first is the one that the goals speak of
  std::vector<Goal> goals;
  std::vector<PhaseTime> phases;  // of a start
  std::string source;             // where the figure comes from
};

// It was tried, and each attempt failed of its own, not by other work on the machine.
bool lacks_figure(const Row& row);

Json to_json(const Row& row);

}  // namespace vireo::bench
