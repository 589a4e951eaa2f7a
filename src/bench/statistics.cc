// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

namespace vireo::bench {

constexpr size_t samples_for_p99 = 300;
constexpr size_t fewest_for_aa = 8;

double quantile(std::vector<double> samples, double q) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  double rank = q * static_cast<double>(samples.size() - 1);
  auto low = static_cast<size_t>(rank);
  size_t high = std::min(low + 1, samples.size() - 1);
  return samples[low] + (rank - static_cast<double>(low)) * (samples[high] - samples[low]);
}

double median(std::span<const double> samples) {
  return quantile({samples.begin(), samples.end()}, 0.5);
}

std::pair<double, double> median_interval(std::span<const double> samples) {
  if (samples.empty()) return {0, 0};
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  auto n = static_cast<double>(sorted.size());
  // Ranks n/2 -+ 1.96 sqrt(n)/2: the normal approximation of Binomial(n, 1/2).
  double half_width = 0.98 * std::sqrt(n);
  auto low = static_cast<long>(std::floor((n - 1) / 2 - half_width));
  auto high = static_cast<long>(std::ceil((n - 1) / 2 + half_width));
  low = std::max(low, 0L);
  high = std::min(high, static_cast<long>(sorted.size()) - 1);
  return {sorted[static_cast<size_t>(low)], sorted[static_cast<size_t>(high)]};
}

std::optional<double> aa_difference(std::span<const double> samples) {
  if (samples.size() < fewest_for_aa) return {};
  std::vector<double> halves[2];
  for (size_t i = 0; i < samples.size(); i++) halves[i % 2].push_back(samples[i]);
  double a = median(halves[0]), b = median(halves[1]);
  if (std::min(a, b) <= 0) return {};
  return 100 * (std::max(a, b) / std::min(a, b) - 1);
}

Summary summarise(std::span<const double> samples) {
  Summary summary;
  summary.n = samples.size();
  if (samples.empty()) return summary;
  std::vector<double> all(samples.begin(), samples.end());
  summary.median = quantile(all, 0.5);
  summary.min = quantile(all, 0);
  summary.max = quantile(all, 1);
  summary.p90 = quantile(all, 0.9);
  if (all.size() >= samples_for_p99) summary.p99 = quantile(all, 0.99);
  summary.ci95 = median_interval(samples);
  return summary;
}

}  // namespace vireo::bench
