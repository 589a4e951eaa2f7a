// SPDX-License-Identifier: Apache-2.0
#include "bench/harness.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo::bench {
namespace {

struct Entry {
  std::unique_ptr<Probe> probe;
  std::vector<Row> rows;
  std::map<std::string, std::vector<double>> phases;
  std::vector<std::string> phase_order;
  bool ready = false;
};

std::string name_of(const Row& row) {
  return row.peer.empty() ? fmt::format("{} {}", row.technology, row.mode) : row.peer;
}

Entry prepared(std::unique_ptr<Probe> probe) {
  Entry entry;
  entry.rows = probe->rows();
  auto outcome = probe->prepare();
  entry.ready = outcome.has_value();
  for (Row& row : entry.rows) {
    if (entry.ready) continue;
    row.status = RowStatus::not_run;
    row.reason = outcome.error().message;
  }
  entry.probe = std::move(probe);
  return entry;
}

void take(Entry& entry, const Result<Sample>& sample) {
  for (Row& row : entry.rows) {
    std::map<std::string, double> none;
    const auto& values = sample ? sample->values : none;
    auto value = values.find(row.metric);
    if (value != values.end()) {
      row.samples.push_back(value->second);
      continue;
    }
    row.failed++;
    if (row.reason.empty()) row.reason = sample ? "gave no value" : sample.error().message;
  }
  if (!sample) return;
  for (const PhaseTime& phase : sample->phases) {
    if (!entry.phases.contains(phase.name)) entry.phase_order.push_back(phase.name);
    entry.phases[phase.name].push_back(phase.ms);
  }
}

void finish(Entry& entry, std::vector<Row>& rows) {
  entry.probe->clean_up();
  for (Row& row : entry.rows) {
    for (const std::string& name : entry.phase_order)
      row.phases.push_back({name, median(entry.phases[name])});
    rows.push_back(std::move(row));
  }
}

}  // namespace

std::vector<Row> run_round(Round round, const std::function<void(const std::string&)>& progress,
                           const std::function<bool()>& interrupted) {
  std::vector<Entry> entries;
  for (auto& probe : round.probes) {
    progress(fmt::format("{}: preparing {}", round.title, name_of(probe->rows().at(0))));
    entries.push_back(prepared(std::move(probe)));
  }
  for (unsigned run = 0; run < round.runs + round.warm_up && !interrupted(); run++) {
    progress(fmt::format("{}: sample {} of {}", round.title, run + 1, round.runs + round.warm_up));
    for (Entry& entry : entries) {
      if (!entry.ready) continue;
      auto sample = entry.probe->measure();
      if (run >= round.warm_up) take(entry, sample);
    }
  }
  std::vector<Row> rows;
  for (Entry& entry : entries) finish(entry, rows);
  return rows;
}

void add_ratios(std::vector<Row>& rows) {
  for (Row& row : rows) {
    if (!row.peer.empty() || row.samples.empty()) continue;
    for (const Row& peer : rows) {
      bool comparable = !peer.peer.empty() && peer.metric == row.metric &&
                        peer.direction == row.direction && !peer.samples.empty() &&
                        (peer.mode.empty() || peer.mode == row.mode);
      if (!comparable) continue;
      std::vector<double> ratios = paired_ratios(row.samples, peer.samples);
      if (ratios.empty()) continue;
      std::string to = peer.peer.substr(0, peer.peer.find(' '));
      row.ratios.push_back({to, median(ratios), median_interval(ratios)});
    }
  }
}

}  // namespace vireo::bench
