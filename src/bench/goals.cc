// SPDX-License-Identifier: Apache-2.0
#include "bench/goals.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo::bench {

extern const char* const goals_text;  // goals.json, put in by the build

namespace {

std::optional<double> bound(const Json& rule, const char* name) {
  if (!rule.has(name)) return {};
  return rule[name].number();
}

bool judges(const GoalRule& rule, const Row& row) {
  return row.peer.empty() && row.status != RowStatus::published && row.metric == rule.metric &&
         row.mode == rule.mode && row.technology == rule.technology;
}

std::optional<double> figure_of(const GoalRule& rule, const Row& row) {
  if (row.samples.empty()) return {};
  if (rule.statistic == "median") return median(row.samples);
  if (rule.statistic == "p90") return quantile(row.samples, 0.9);
  for (const Ratio& ratio : row.ratios)
    if (ratio.to == rule.to) return ratio.median;
  return {};
}

bool reached(const GoalRule& rule, double figure) {
  return (!rule.at_most || figure <= *rule.at_most) && (!rule.at_least || figure >= *rule.at_least);
}

void add_figure(Verdict& verdict, Row& row, double figure, bool quiet) {
  std::optional<bool> met;
  if (quiet) met = reached(verdict.rule, figure);
  if (met) verdict.met = verdict.met.value_or(true) && *met;
  if (!verdict.found.empty()) verdict.found += ", ";
  verdict.found += fmt::format("{:.3g}", figure);
  if (!row.direction.empty()) verdict.found += fmt::format(" ({})", row.direction);
  row.goals.push_back({fmt::format("{} {}", verdict.rule.id, verdict.rule.figure), met});
}

std::string why_not(const GoalRule& rule, const std::vector<Row>& rows) {
  for (const Row& row : rows)
    if (judges(rule, row) && row.samples.empty() && !row.reason.empty()) return row.reason;
  if (rule.statistic == "ratio") return fmt::format("no figure beside one of {}", rule.to);
  return "not measured";
}

// Why a metric cannot be judged; "" when it can.
std::string doubt(const GoalRule& rule, const std::map<std::string, double>& noise) {
  if (!rule.noisy) return {};
  auto found = noise.find(rule.metric);
  if (found == noise.end()) return "too few samples to judge";
  if (found->second <= quiet_percent) return {};
  return fmt::format("A/A difference {:.0f} %, too noisy to judge", found->second);
}

Verdict judge_one(const GoalRule& rule, std::vector<Row>& rows, const std::string& doubt) {
  Verdict verdict{rule, {}, {}};
  bool all_failed = false, quiet = doubt.empty();
  for (Row& row : rows) {
    if (!judges(rule, row)) continue;
    // Tried and never worked: that is no excuse but a miss.
    all_failed = all_failed || (row.samples.empty() && row.failed > row.disturbed);
    if (auto figure = figure_of(rule, row)) add_figure(verdict, row, *figure, quiet);
  }
  if (all_failed) verdict.met = false;
  if (verdict.found.empty())
    verdict.found = why_not(rule, rows);
  else if (!quiet)
    verdict.found += "; " + doubt;
  return verdict;
}

}  // namespace

Result<std::vector<GoalRule>> goal_rules() {
  Json list = TRY_IN("goals.json", parse_json(goals_text));
  std::vector<GoalRule> rules;
  for (const Json& rule : list.items())
    rules.push_back({rule["id"].text(), rule["goal"].text(), rule["figure"].text(),
                     rule["metric"].text(), rule["mode"].text(), rule["statistic"].text(),
                     rule["to"].text(), bound(rule, "at_most"), bound(rule, "at_least"),
                     rule["noisy"].boolean(true),
                     rule.has("technology") ? rule["technology"].text() : "container"});
  return rules;
}

std::map<std::string, double> noise_of(const std::vector<Row>& rows) {
  std::map<std::string, double> noise;
  for (const Row& row : rows) {
    auto difference = aa_difference(row.samples);
    if (!row.peer.empty() || row.status != RowStatus::measured || !difference) continue;
    noise[row.metric] = std::max(noise[row.metric], *difference);
  }
  return noise;
}

std::vector<Verdict> judge(const std::vector<GoalRule>& rules, std::vector<Row>& rows) {
  std::map<std::string, double> noise = noise_of(rows);
  std::vector<Verdict> verdicts;
  for (const GoalRule& rule : rules) verdicts.push_back(judge_one(rule, rows, doubt(rule, noise)));
  return verdicts;
}

std::string verdicts_text(const std::vector<Verdict>& verdicts) {
  std::string text = "Goals\n";
  size_t longest = 0;
  for (const Verdict& verdict : verdicts) longest = std::max(longest, verdict.rule.goal.size());
  for (const Verdict& verdict : verdicts) {
    const char* word = !verdict.met ? "not judged" : *verdict.met ? "met" : "MISSED";
    text += fmt::format("  {:<4} {:<{}} {:<15}  {:<10}  {}\n", verdict.rule.id, verdict.rule.goal,
                        longest, verdict.rule.figure, word, verdict.found);
  }
  return text;
}

}  // namespace vireo::bench
