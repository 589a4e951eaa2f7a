// SPDX-License-Identifier: Apache-2.0
// What a bench found, and its three forms: a table for a terminal, JSON, one HTML page. Pure.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/goals.h"
#include "bench/row.h"

namespace vireo::bench {

struct Report {
  Json host;  // facts of the machine, stamped on all forms
  std::vector<Row> rows;
  std::vector<Verdict> verdicts;
  std::optional<double> aa_difference;  // percent; see aa_difference()
  bool quick = false;
  std::string command;  // that repeats it
};

// How far one and the same thing differs from itself: the medians of the odd and the even samples,
// in percent. Nothing for fewer than eight samples.
std::optional<double> aa_difference(const std::vector<double>& samples);
std::string noise_text(const Report& report);

// "not run" rows for all technologies of the draft that have no row of `metric`.
void add_missing_technologies(std::vector<Row>& rows, const std::string& metric,
                              const std::string& reason);

// Metrics in the order of all reports, and their titles: "Instantiation, request -> first RST".
std::vector<std::pair<std::string, std::string>> metric_titles();
std::string label_of(const Row& row);    // "container, pooled", "peer: runc 1.1.5"
std::string figure_text(double figure);  // three significant digits, no exponent

std::string text_report(const Report& report);
std::string json_report(const Report& report);
std::string html_report(const Report& report);

}  // namespace vireo::bench
