// SPDX-License-Identifier: Apache-2.0
// What a bench found, and its three forms: a table for a terminal, JSON, one HTML page. Pure.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/goals.h"
#include "bench/row.h"

namespace vireo::bench {

struct Report {
  Json host;  // facts of the machine, stamped on all forms
  std::vector<Row> rows;
  std::vector<Verdict> verdicts;
  std::map<std::string, double> noise;  // by metric: noise_of()
  bool quick = false;
  std::string command;  // that repeats it
};

std::string noise_text(const std::map<std::string, double>& noise);

// "not run" rows for all technologies of the draft that have no row of `metric`; `reason` says why
// one has none.
void add_missing_technologies(std::vector<Row>& rows, const std::string& metric,
                              const std::function<std::string(const std::string&)>& reason);

// Metrics in the order of all reports, and their titles: "Instantiation, request -> first RST".
std::vector<std::pair<std::string, std::string>> metric_titles();
std::string label_of(const Row& row);    // "container, pooled", "peer: runc 1.1.5"
std::string figure_text(double figure);  // three significant digits, no exponent

std::string text_report(const Report& report);
Json report_json(const Report& report);
std::string html_report(const Report& report);

}  // namespace vireo::bench
