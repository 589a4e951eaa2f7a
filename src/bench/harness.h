// SPDX-License-Identifier: Apache-2.0
// Runs probes in turn and gathers their rows.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/probe.h"

namespace vireo::bench {

struct Round {
  std::string title;  // "instantiation"
  std::vector<std::unique_ptr<Probe>> probes;
  unsigned runs = 10;
  unsigned warm_up = 1;  // not counted
  // No turn begins after so long, once there are two of each; 0: all turns are run.
  std::chrono::milliseconds budget{0};
  std::function<void()> settle{};  // before each sample
};

// `progress` is told what is going on; `interrupted` is asked between samples.
std::vector<Row> run_round(Round round, const std::function<void(const std::string&)>& progress,
                           const std::function<bool()>& interrupted);

// Adds ratios of our rows to the peers' rows of the same metric, direction and mode; a peer without
// a mode is compared with every mode. Only samples of the same turn are divided.
void add_ratios(std::vector<Row>& rows);
// Adds to rows of other technologies their ratio to the container's row of the same metric, mode
// and direction, in the same way.
void add_technology_ratios(std::vector<Row>& rows);

}  // namespace vireo::bench
