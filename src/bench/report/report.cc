// SPDX-License-Identifier: Apache-2.0
#include "bench/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report/published.h"

namespace vireo::bench {

std::string noise_text(const std::map<std::string, double>& noise) {
  if (noise.empty()) return "A/A difference: too few samples to tell";
  std::string text;
  for (const auto& [metric, percent] : noise)
    text += fmt::format("{}{} {:.0f} %{}", text.empty() ? "A/A difference: " : ", ", metric,
                        percent, percent <= quiet_percent ? "" : " (too noisy now to judge)");
  return text;
}

void add_missing_technologies(std::vector<Row>& rows, const std::string& metric,
                              const std::function<std::string(const std::string&)>& reason) {
  for (const std::string& technology : published_technologies()) {
    auto same = [&](const Row& row) {
      return row.metric == metric && row.peer.empty() && row.status != RowStatus::published &&
             row.technology == technology;
    };
    if (std::any_of(rows.begin(), rows.end(), same)) continue;
    Row row;
    row.metric = metric;
    row.technology = technology;
    row.status = RowStatus::not_run;
    row.reason = reason(technology);
    for (const Row& known : published_rows())
      if (known.metric == metric) row.unit = known.unit;
    rows.push_back(std::move(row));
  }
}

std::vector<std::pair<std::string, std::string>> metric_titles() {
  return {{"instantiation", "Instantiation, request -> first RST"},
          {"function_ready", "Function ready, request -> function's own first reply"},
          {"driver", "Driver's part of a start of a virtual machine"},
          {"start_counts", "Start, counted from the request until it is completed"},
          {"ready", "Ready, request -> operation completed"},
          {"stop", "Stop, request -> reaped and last answer seen"},
          {"throughput", "Throughput, one TCP stream, seen from the function"},
          {"packets", "Packets through one forwarder on taps, frames that arrive"},
          {"round_trip", "Round trip, ping"},
          {"image_size", "Image size"},
          {"memory_use", "Memory of one instance"},
          {"heal", "Heal, SIGKILL -> first answer of the next generation"},
          {"density_start", "Density, request -> one more is ready"},
          {"density_up", "Density, the first request -> all are ready"},
          {"density_answered", "Density, instances that answered a ping"},
          {"density_memory", "Density, memory of each, fall of available memory"},
          {"density_idle", "Density, processor time with all of them idle"},
          {"density_request", "Density, request -> answer with all of them there"},
          {"churn", "Churn, functions created, heard and destroyed"},
          {"refill", "Refill, spares that the pool makes ready"},
          {"chain_throughput", "Chain, one TCP stream, seen from the far end"},
          {"chain_packets", "Chain, frames that arrive"},
          {"chain_round_trip", "Chain, round trip, ping"},
          {"chain_cycles", "Chain, work of one packet in one hop"},
          {"sessions_new", "Sessions, new ones that come through"},
          {"sessions_at_once", "Sessions, that live at the same time"}};
}

std::string label_of(const Row& row) {
  std::string label = row.peer.empty() ? row.technology : "peer: " + row.peer;
  if (row.status == RowStatus::published) label = "draft: " + row.technology;
  if (!row.mode.empty() && row.mode != row.technology) label += ", " + row.mode;
  if (!row.direction.empty()) label += ", " + row.direction;
  return label;
}

std::string figure_text(double figure) {
  double size = std::fabs(figure);
  int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return fmt::format("{:.{}f}", figure, digits);
}

Json report_json(const Report& report) {
  Json rows = Json::array();
  for (const Row& row : report.rows) rows.push(to_json(row));
  return Json().set("host", report.host).set("rows", rows);
}

}  // namespace vireo::bench
