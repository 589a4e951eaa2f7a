// SPDX-License-Identifier: Apache-2.0
// What the figures must reach. goals.json holds the goals as data; SPECIFICATION.md prints them.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/row.h"

namespace vireo::bench {

struct GoalRule {
  std::string id, goal, figure;  // as SPECIFICATION.md says them
  std::string metric, mode;      // of the rows that it judges
  std::string statistic;         // "median", "p90", "ratio"
  std::string to;                // of a ratio: the peer
  std::optional<double> at_most, at_least;
  bool noisy = true;  // a verdict needs samples enough for an A/A difference, and a small one
  std::string technology = "container";  // of the rows that it judges
};

Result<std::vector<GoalRule>> goal_rules();  // of the goals.json that was built in

// A goal with its verdict over all rows that it judges: every one must reach it.
struct Verdict {
  GoalRule rule;
  std::optional<bool> met;  // nothing: no row had the figure
  std::string found;        // "1.08", "0.72 (tx), 0.74 (rx)", or why it was not judged
};
// Above this A/A difference nothing is judged.
inline constexpr double quiet_percent = 10;
// The A/A difference of each metric: the largest of our rows that have samples enough.
std::map<std::string, double> noise_of(const std::vector<Row>& rows);
// Also notes each goal in the rows that it judged. A metric that is too noisy, or has too few
// samples to tell, gets no verdict, except for what was tried and never worked.
std::vector<Verdict> judge(const std::vector<GoalRule>& rules, std::vector<Row>& rows);
std::string verdicts_text(const std::vector<Verdict>& verdicts);

}  // namespace vireo::bench
