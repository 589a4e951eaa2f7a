// SPDX-License-Identifier: Apache-2.0
// Order statistics of samples. Pure.
#pragma once
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vireo::bench {

// Linear interpolation between closest ranks (Hyndman and Fan's type 7). `q` in [0, 1].
double quantile(std::vector<double> samples, double q);
double median(std::span<const double> samples);

// 95 % confidence interval of the median from the binomial distribution of ranks; no assumption
// about the shape. The whole range for fewer than six samples.
std::pair<double, double> median_interval(std::span<const double> samples);

// How far one and the same thing differs from itself: the medians of the odd and the even samples,
// in percent. Nothing for fewer than eight samples.
std::optional<double> aa_difference(std::span<const double> samples);

struct Summary {
  size_t n = 0;
  double median = 0, min = 0, max = 0, p90 = 0;
  std::optional<double> p99;  // from 300 samples on
  std::pair<double, double> ci95;
};
Summary summarise(std::span<const double> samples);

}  // namespace vireo::bench
