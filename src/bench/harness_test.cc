// SPDX-License-Identifier: Apache-2.0
#include "bench/harness.h"

#include <gtest/gtest.h>

#include <optional>

namespace vireo::bench {
namespace {

// Gives the values of a list, in turn; nothing: the sample fails.
class ListedProbe final : public Probe {
 public:
  ListedProbe(std::string peer, std::string mode, std::vector<std::optional<double>> values)
      : peer_(std::move(peer)), mode_(std::move(mode)), values_(std::move(values)) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "heal";
    row.technology = peer_.empty() ? "container" : "";
    row.mode = mode_;
    row.peer = peer_;
    return {row};
  }
  Result<void> prepare() override {
    if (values_.empty()) return Error{Errc::unavailable, "there is nothing to give"};
    return {};
  }
  Result<Sample> measure() override {
    for (auto end = std::chrono::steady_clock::now() + takes;
         std::chrono::steady_clock::now() < end;)
      continue;
    auto value = values_.at(next_++);
    if (!value) return Error{Errc::timed_out, "it did not come"};
    Sample sample;
    sample.values["heal"] = *value;
    return sample;
  }
  void clean_up() noexcept override {}

  std::chrono::milliseconds takes{0};

 private:
  std::string peer_, mode_;
  std::vector<std::optional<double>> values_;
  size_t next_ = 0;
};

using Values = std::vector<std::optional<double>>;

std::vector<Row> run(
    std::vector<std::unique_ptr<Probe>> probes, unsigned runs,
    std::function<bool()> interrupted = [] { return false; },
    std::chrono::milliseconds budget = {}) {
  Round round{"heal", std::move(probes), runs, 0, budget};
  auto rows = run_round(
      std::move(round), [](const std::string&) {}, interrupted);
  add_ratios(rows);
  return rows;
}

std::vector<std::unique_ptr<Probe>> probes_of(const Values& ours, const Values& theirs) {
  std::vector<std::unique_ptr<Probe>> probes;
  probes.push_back(std::make_unique<ListedProbe>("", "pooled", ours));
  probes.push_back(std::make_unique<ListedProbe>("docker 1.0", "", theirs));
  return probes;
}

TEST(Harness, ratios_are_of_samples_of_the_same_turn) {
  // Paired: 1/2 and 3/30, where the peer's second failed. By position it would be 1/2 and 2/30.
  auto rows = run(probes_of({1, 2, 3}, {2, std::nullopt, 30}), 3);
  ASSERT_EQ(rows.size(), 2u);
  ASSERT_EQ(rows[0].ratios.size(), 1u);
  EXPECT_EQ(rows[0].ratios[0].to, "docker");
  EXPECT_DOUBLE_EQ(rows[0].ratios[0].median, (0.5 + 0.1) / 2);
  EXPECT_TRUE(rows[1].ratios.empty());
}

TEST(Harness, every_mode_is_compared_with_a_peer_that_has_none) {
  auto probes = probes_of({1, 1}, {4, 4});
  probes.push_back(std::make_unique<ListedProbe>("", "cold", Values{2, 2}));
  auto rows = run(std::move(probes), 2);
  EXPECT_EQ(rows[0].ratios.at(0).median, 0.25);
  EXPECT_EQ(rows[2].ratios.at(0).median, 0.5);
}

TEST(Harness, other_technologies_are_compared_with_the_container_of_the_same_turns) {
  auto of = [](const char* technology, const char* mode, const Values& values) {
    Row row;
    row.metric = "packets";
    row.technology = technology;
    row.mode = mode;
    for (unsigned turn = 0; turn < values.size(); turn++)
      if (values[turn]) row.samples.push_back(*values[turn]), row.turns.push_back(turn);
    return row;
  };
  std::vector<Row> rows{of("container", "64 bytes", {std::nullopt, 4, 4}),
                        of("container", "1500 bytes", {1, 1, 1}),
                        of("unikernel.vireo.kvm", "64 bytes", {9, 2, 3}),
                        of("unikernel.vireo.kvm", "512 bytes", {1, 1, 1})};
  add_technology_ratios(rows);
  ASSERT_EQ(rows[2].ratios.size(), 1u);
  EXPECT_EQ(rows[2].ratios[0].to, "container");
  EXPECT_EQ(rows[2].ratios[0].median, 0.625);
  for (size_t other : {0, 1, 3}) EXPECT_TRUE(rows[other].ratios.empty()) << other;
}

TEST(Harness, a_failed_sample_counts_with_its_reason) {
  auto rows = run(probes_of({std::nullopt, 2, std::nullopt}, {1, 1, 1}), 3);
  EXPECT_EQ(rows[0].samples, std::vector<double>{2});
  EXPECT_EQ(rows[0].failed, 2u);
  EXPECT_EQ(rows[0].reason, "it did not come");
}

TEST(Harness, all_failed_is_measured_with_no_sample) {
  auto rows = run(probes_of({std::nullopt, std::nullopt}, {1, 1}), 2);
  EXPECT_EQ(rows[0].status, RowStatus::measured);
  EXPECT_TRUE(rows[0].samples.empty());
  EXPECT_EQ(rows[0].failed, 2u);
  EXPECT_TRUE(rows[0].ratios.empty());
  EXPECT_TRUE(lacks_figure(rows[0]));
  EXPECT_FALSE(lacks_figure(rows[1]));
  rows[0].disturbed = rows[0].failed;
  EXPECT_FALSE(lacks_figure(rows[0]));
}

TEST(Harness, what_cannot_be_prepared_is_not_run_and_says_why) {
  auto rows = run(probes_of({1}, {}), 1);
  EXPECT_EQ(rows[1].status, RowStatus::not_run);
  EXPECT_EQ(rows[1].reason, "there is nothing to give");
  EXPECT_EQ(rows[1].failed, 0u);
}

// The budget is over before the first turn ends: two turns are run all the same.
TEST(Harness, a_spent_budget_ends_a_round_early) {
  auto never = [] { return false; };
  auto slow = std::make_unique<ListedProbe>("", "pooled", Values{1, 2, 3, 4});
  slow->takes = std::chrono::milliseconds(2);
  std::vector<std::unique_ptr<Probe>> probes;
  probes.push_back(std::move(slow));
  EXPECT_EQ(run(std::move(probes), 4, never, std::chrono::milliseconds(1))[0].samples.size(), 2u);
}

TEST(Harness, an_interruption_keeps_what_was_measured) {
  unsigned asked = 0;
  auto rows = run(probes_of({1, 2, 3}, {1, 2, 3}), 3, [&] { return ++asked > 5; });
  EXPECT_EQ(rows[0].samples, std::vector<double>{1});
  auto none = run(probes_of({1}, {1}), 1, [] { return true; });
  EXPECT_EQ(none[0].status, RowStatus::not_run);
  EXPECT_EQ(none[0].reason, "interrupted");
}

}  // namespace
}  // namespace vireo::bench
