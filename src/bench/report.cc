// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/published.h"

namespace vireo::bench {

constexpr size_t fewest_for_aa = 8;
constexpr double quiet_percent = 10;

std::optional<double> aa_difference(const std::vector<double>& samples) {
  if (samples.size() < fewest_for_aa) return {};
  std::vector<double> halves[2];
  for (size_t i = 0; i < samples.size(); i++) halves[i % 2].push_back(samples[i]);
  double a = median(halves[0]), b = median(halves[1]);
  if (std::min(a, b) <= 0) return {};
  return 100 * (std::max(a, b) / std::min(a, b) - 1);
}

std::string noise_text(const Report& report) {
  if (!report.aa_difference) return "A/A difference: too few samples to tell";
  return fmt::format("A/A difference {:.1f} %: {}", *report.aa_difference,
                     *report.aa_difference <= quiet_percent
                         ? "quiet enough"
                         : "this machine is too noisy now to judge small differences");
}

void add_missing_technologies(std::vector<Row>& rows, const std::string& metric,
                              const std::string& reason) {
  for (const std::string& technology : published_technologies()) {
    auto same = [&](const Row& row) {
      return row.metric == metric && row.peer.empty() && row.status != RowStatus::published &&
             (row.technology == technology ||
              (row.technology == "container" && technology == "Container"));
    };
    if (std::any_of(rows.begin(), rows.end(), same)) continue;
    Row row;
    row.metric = metric;
    row.technology = technology == "Container" ? "container" : technology;
    row.status = RowStatus::not_run;
    row.reason = reason;
    for (const Row& known : published_rows())
      if (known.metric == metric) row.unit = known.unit;
    rows.push_back(std::move(row));
  }
}

std::vector<std::pair<std::string, std::string>> metric_titles() {
  return {{"instantiation", "Instantiation, request -> first RST"},
          {"function_ready", "Function ready, request -> function's own first reply"},
          {"ready", "Ready, request -> operation completed"},
          {"stop", "Stop, request -> reaped and last answer seen"},
          {"throughput", "Throughput, one TCP stream, seen from the function"},
          {"round_trip", "Round trip, ping"},
          {"image_size", "Image size"},
          {"memory_use", "Memory of one instance"},
          {"heal", "Heal, SIGKILL -> first answer of the next generation"}};
}

std::string label_of(const Row& row) {
  std::string label = row.peer.empty() ? row.technology : "peer: " + row.peer;
  if (row.status == RowStatus::published) label = "draft: " + row.technology;
  if (!row.mode.empty()) label += ", " + row.mode;
  if (!row.direction.empty()) label += ", " + row.direction;
  return label;
}

std::string figure_text(double figure) {
  double size = std::fabs(figure);
  int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return fmt::format("{:.{}f}", figure, digits);
}

std::string json_report(const Report& report) {
  Json rows = Json::array();
  for (const Row& row : report.rows) rows.push(to_json(row));
  return Json().set("host", report.host).set("rows", rows).dump(1) + "\n";
}

}  // namespace vireo::bench
