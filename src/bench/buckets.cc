// SPDX-License-Identifier: Apache-2.0
#include "bench/buckets.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo::bench {

constexpr size_t widest_bucket = 100;

std::vector<Bucket> buckets_of(size_t count) {
  if (count < 3) return {{1, count}};
  const size_t width = std::min(count / 3, widest_bucket);
  const size_t middle = (count - width) / 2;
  return {{1, width}, {middle + 1, middle + width}, {count - width + 1, count}};
}

std::string bucket_text(const Bucket& bucket) {
  return fmt::format("starts {} to {}", bucket.first, bucket.last);
}

std::vector<double> figures_in(const Bucket& bucket, std::span<const double> figures) {
  const size_t first = std::min(bucket.first - 1, figures.size());
  const size_t last = std::min(bucket.last, figures.size());
  const std::span<const double> part = figures.subspan(first, last - first);
  return {part.begin(), part.end()};
}

void add_growth(std::vector<Row>& rows, const std::string& metric) {
  const Row* first = nullptr;
  for (Row& row : rows) {
    if (row.metric != metric) continue;
    if (first == nullptr || first->technology != row.technology) {
      first = &row;
      continue;
    }
    const Summary base = summarise(first->samples), now = summarise(row.samples);
    if (now.n == 0 || base.n == 0 || base.min <= 0) continue;
    row.ratios.push_back({"the first",
                          now.median / base.median,
                          {now.ci95.first / base.ci95.second, now.ci95.second / base.ci95.first}});
  }
}

}  // namespace vireo::bench
