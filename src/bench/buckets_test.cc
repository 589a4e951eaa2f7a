// SPDX-License-Identifier: Apache-2.0
#include "bench/buckets.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

std::vector<std::string> texts(size_t count) {
  std::vector<std::string> texts;
  for (const Bucket& bucket : buckets_of(count)) texts.push_back(bucket_text(bucket));
  return texts;
}

TEST(Buckets, are_the_first_the_middle_and_the_last_hundred) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts(1000), (Texts{"starts 1 to 100", "starts 451 to 550", "starts 901 to 1000"}));
  EXPECT_EQ(texts(50), (Texts{"starts 1 to 16", "starts 18 to 33", "starts 35 to 50"}));
  EXPECT_EQ(texts(3), (Texts{"starts 1 to 1", "starts 2 to 2", "starts 3 to 3"}));
  EXPECT_EQ(texts(2), (Texts{"starts 1 to 2"}));
}

TEST(Buckets, hold_the_figures_that_were_taken) {
  const std::vector<double> figures{1, 2, 3, 4, 5};
  EXPECT_EQ(figures_in({1, 2}, figures), (std::vector<double>{1, 2}));
  EXPECT_EQ(figures_in({4, 8}, figures), (std::vector<double>{4, 5}));  // it ended early
  EXPECT_EQ(figures_in({6, 8}, figures), std::vector<double>());
  EXPECT_EQ(figures_in({60, 80}, figures), std::vector<double>());
}

Row row_of(const std::string& technology, std::vector<double> samples) {
  Row row;
  row.metric = "density_start";
  row.technology = technology;
  row.samples = std::move(samples);
  return row;
}

TEST(Buckets, growth_is_against_the_first_of_the_same_technology) {
  std::vector<Row> rows{row_of("container", {2, 2, 2}), row_of("container", {2, 3, 4}),
                        row_of("unikernel.vireo.kvm", {9}), row_of("unikernel.vireo.kvm", {})};
  add_growth(rows, "density_start");
  EXPECT_TRUE(rows[0].ratios.empty());
  ASSERT_EQ(rows[1].ratios.size(), 1u);
  EXPECT_EQ(rows[1].ratios[0].median, 1.5);
  EXPECT_EQ(rows[1].ratios[0].ci95, (std::pair<double, double>{1, 2}));
  EXPECT_TRUE(rows[2].ratios.empty() && rows[3].ratios.empty());
}

}  // namespace
}  // namespace vireo::bench
