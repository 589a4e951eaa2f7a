// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

TEST(Statistics, quantiles_of_known_samples) {
  std::vector<double> samples{4, 1, 3, 2, 5};
  EXPECT_EQ(median(samples), 3);
  EXPECT_EQ(quantile(samples, 0), 1);
  EXPECT_EQ(quantile(samples, 1), 5);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.9), 4.6);
  EXPECT_EQ(quantile({}, 0.5), 0);
}

TEST(Statistics, an_interval_contains_the_median_and_narrows) {
  std::vector<double> few{1, 2, 3}, many;
  for (int i = 0; i < 101; i++) many.push_back(i);
  EXPECT_EQ(median_interval(few), (std::pair<double, double>{1, 3}));
  auto [low, high] = median_interval(many);
  EXPECT_LT(low, 50);
  EXPECT_GT(high, 50);
  EXPECT_NEAR(high - low, 20, 2);  // order statistics 40 and 60 for n = 101
}

TEST(Statistics, the_99th_percentile_needs_300_samples) {
  std::vector<double> samples(299, 1.0);
  EXPECT_FALSE(summarise(samples).p99);
  samples.push_back(1.0);
  EXPECT_TRUE(summarise(samples).p99);
}

}  // namespace
}  // namespace vireo::bench
