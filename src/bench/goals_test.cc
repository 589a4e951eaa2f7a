// SPDX-License-Identifier: Apache-2.0
#include "bench/goals.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "host/files.h"

namespace vireo::bench {
namespace {

Row measured(const std::string& metric, const std::string& mode, std::vector<double> samples) {
  Row row;
  row.metric = metric;
  row.technology = "container";
  row.mode = mode;
  row.samples = std::move(samples);
  return row;
}

const GoalRule at_most_five{"G1", "a goal", "<= 5", "heal", "pooled", "median", "", 5, {}, false};

TEST(Goals, are_those_of_the_specification) {
  auto text = read_file(VIREO_SOURCE_DIR "/SPECIFICATION.md");
  auto rules = goal_rules();
  ASSERT_TRUE(text && rules);
  for (const GoalRule& rule : *rules) {
    std::string row = fmt::format("\n| {} | {} | {} |", rule.id, rule.goal, rule.figure);
    EXPECT_NE(text->find(row), std::string::npos) << "SPECIFICATION.md lacks:" << row;
  }
  size_t rows = 0;
  for (size_t at = 0; (at = text->find("\n| G", at)) != std::string::npos; at++) rows++;
  EXPECT_EQ(rows, rules->size()) << "SPECIFICATION.md has goals that goals.json has not";
}

TEST(Goals, a_bound_is_the_figure_that_is_printed) {
  auto rules = goal_rules();
  ASSERT_TRUE(rules);
  for (const GoalRule& rule : *rules) {
    EXPECT_NE(rule.at_most.has_value(), rule.at_least.has_value()) << rule.id;
    bool most = rule.figure.starts_with("<= ");
    EXPECT_EQ(most, rule.at_most.has_value()) << rule.id;
    std::string number = rule.figure.substr(3);
    double bound = number.starts_with("1/") ? 1 / std::stod(number.substr(2)) : std::stod(number);
    EXPECT_DOUBLE_EQ(bound, most ? *rule.at_most : *rule.at_least) << rule.id;
  }
}

TEST(Goals, are_met_or_missed_by_every_row_they_judge) {
  std::vector<Row> rows{measured("heal", "pooled", {4})};
  EXPECT_EQ(judge({at_most_five}, rows)[0].met, true);
  rows.push_back(measured("heal", "pooled", {6}));
  auto verdict = judge({at_most_five}, rows)[0];
  EXPECT_EQ(verdict.met, false);
  EXPECT_EQ(rows[1].goals.back().met, false);
  EXPECT_EQ(verdict.found, "4, 6");
}

TEST(Goals, speak_of_one_technology) {
  std::vector<Row> rows{measured("heal", "pooled", {4}), measured("heal", "pooled", {1})};
  rows[1].technology = "unikernel.vireo.kvm";
  GoalRule rule = at_most_five;
  EXPECT_EQ(judge({rule}, rows)[0].found, "4");
  rule.technology = rows[1].technology;
  EXPECT_EQ(judge({rule}, rows)[0].found, "1");
}

TEST(Goals, a_noisy_metric_gets_no_verdict) {
  // The same thing, twice as long in every second sample.
  std::vector<Row> rows{measured("heal", "pooled", {1, 2, 1, 2, 1, 2, 1, 2})};
  GoalRule rule = at_most_five;
  rule.noisy = true;
  auto verdict = judge({rule}, rows)[0];
  EXPECT_FALSE(verdict.met.has_value());
  EXPECT_NE(verdict.found.find("too noisy"), std::string::npos) << verdict.found;
  EXPECT_FALSE(rows[0].goals.at(0).met.has_value());
  std::vector<Row> quiet{measured("heal", "pooled", {2, 2, 2, 2, 2, 2, 2, 2})};
  EXPECT_EQ(judge({rule}, quiet)[0].met, true);
  std::vector<Row> few{measured("heal", "pooled", {2, 2, 2})};
  verdict = judge({rule}, few)[0];
  EXPECT_FALSE(verdict.met.has_value());
  EXPECT_EQ(verdict.found, "2; too few samples to judge");
}

TEST(Goals, what_never_worked_is_missed_and_what_did_not_run_is_not_judged) {
  std::vector<Row> rows{measured("heal", "pooled", {})};
  rows[0].failed = 3;
  rows[0].reason = "it died";
  auto verdict = judge({at_most_five}, rows)[0];
  EXPECT_EQ(verdict.met, false);
  EXPECT_EQ(verdict.found, "it died");
  rows[0].disturbed = 3;  // by other work
  EXPECT_FALSE(judge({at_most_five}, rows)[0].met.has_value());
  rows[0].failed = rows[0].disturbed = 0;
  rows[0].status = RowStatus::not_run;
  EXPECT_FALSE(judge({at_most_five}, rows)[0].met.has_value());
}

TEST(Goals, a_ratio_needs_its_peer) {
  GoalRule rule{"G2", "a ratio", ">= 0.7", "heal", "pooled", "ratio", "bare_veth", {}, 0.7, false};
  std::vector<Row> rows{measured("heal", "pooled", {4})};
  EXPECT_FALSE(judge({rule}, rows)[0].met.has_value());
  rows[0].ratios.push_back({"bare_veth", 0.8, {0.7, 0.9}});
  EXPECT_EQ(judge({rule}, rows)[0].met, true);
  rows[0].ratios[0].median = 0.6;
  EXPECT_EQ(judge({rule}, rows)[0].met, false);
}

}  // namespace
}  // namespace vireo::bench
