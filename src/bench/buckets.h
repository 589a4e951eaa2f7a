// SPDX-License-Identifier: Apache-2.0
// How a figure changes with the number that run: the figures of many starts in a row, by parts of
// that row. Pure.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bench/row.h"

namespace vireo::bench {

struct Bucket {
  size_t first = 1, last = 1;  // numbers of starts, from 1, both of them in it
};

// The first, the middle and the last hundred of `count`; for fewer than 300, its thirds; for fewer
// than three, one for all.
std::vector<Bucket> buckets_of(size_t count);
std::string bucket_text(const Bucket& bucket);  // "starts 901 to 1000"
// Those of its figures that have been taken: figures[0] is of start 1.
std::vector<double> figures_in(const Bucket& bucket, std::span<const double> figures);

// Notes in each row of the metric by how much its median differs from that of the first row of the
// same technology. The interval is that of both medians at their far ends: it errs to the wide
// side.
void add_growth(std::vector<Row>& rows, const std::string& metric);

}  // namespace vireo::bench
