// SPDX-License-Identifier: Apache-2.0
// Inline SVG of the HTML report. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "bench/row.h"

namespace vireo::bench {

std::string escape_markup(std::string_view text);
// One lane for each row that has figures; logarithmic when they span more than a factor of 20.
std::string spread_chart(const std::vector<Row>& rows);
std::string phase_bar(const std::vector<PhaseTime>& phases);

}  // namespace vireo::bench
