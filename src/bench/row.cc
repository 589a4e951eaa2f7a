// SPDX-License-Identifier: Apache-2.0
#include "bench/row.h"

namespace vireo::bench {
namespace {

std::string_view text_of(RowStatus status) {
  switch (status) {
    case RowStatus::measured:
      return "measured";
    case RowStatus::not_run:
      return "not run";
    case RowStatus::published:
      return "published";
  }
  return "?";
}

Json pair_json(const std::pair<double, double>& pair) {
  return Json::array().push(pair.first).push(pair.second);
}

Json ratio_json(const Ratio& ratio) {
  return Json().set("to", ratio.to).set("median", ratio.median).set("ci95", pair_json(ratio.ci95));
}

void add_figures(Json& json, const Row& row) {
  bool none = row.samples.empty();
  Summary summary = summarise(row.samples);
  json.set("n", summary.n).set("failed", row.failed);
  json.set("median", none ? Json() : Json(summary.median));
  json.set("min", none ? Json() : Json(summary.min));
  json.set("p90", none ? Json() : Json(summary.p90));
  json.set("p99", summary.p99 ? Json(*summary.p99) : Json());
  json.set("max", none ? Json() : Json(summary.max));
  json.set("ci95", none ? Json() : pair_json(summary.ci95));
}

}  // namespace

bool lacks_figure(const Row& row) {
  return row.status == RowStatus::measured && row.samples.empty() && row.failed > row.disturbed;
}

Json to_json(const Row& row) {
  Json json;
  json.set("metric", row.metric).set("technology", row.technology).set("mode", row.mode);
  json.set("accelerator", row.accelerator).set("direction", row.direction).set("peer", row.peer);
  json.set("unit", row.unit).set("status", text_of(row.status)).set("reason", row.reason);
  add_figures(json, row);
  Json ratios = Json::array();
  for (const Ratio& ratio : row.ratios) ratios.push(ratio_json(ratio));
  json.set("ratio", row.ratios.empty() ? Json() : ratios.items()[0]).set("ratios", ratios);
  Json goal, met;
  for (const Goal& each : row.goals) {
    goal = goal.is_null() ? Json(each.text) : Json(goal.text() + "; " + each.text);
    if (each.met) met = Json(met.boolean(true) && *each.met);
  }
  json.set("goal", goal).set("met", met);
  Json samples = Json::array(), phases = Json::array();
  for (double sample : row.samples) samples.push(sample);
  for (const PhaseTime& phase : row.phases)
    phases.push(Json().set("name", phase.name).set("ms", phase.ms));
  return json.set("samples", samples).set("phases", phases).set("source", row.source);
}

}  // namespace vireo::bench
