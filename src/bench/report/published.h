// SPDX-License-Identifier: Apache-2.0
// The figures of draft-natarajan-nfvrg-containers-for-nfv-03, section 4, as data: always shown
// beside what was measured here. Setup there: Xeon E5-1630 v3 (4 cores, 3.7 GHz), 32 GB,
// Linux 4.4.1, Xen 4.6.0, Docker 1.11.
#pragma once
#include <vector>

#include "bench/row.h"

namespace vireo::bench {

// In the draft's order and words; the technologies in the order of its tables.
std::vector<Row> published_rows();
std::vector<std::string> published_technologies();

}  // namespace vireo::bench
