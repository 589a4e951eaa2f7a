// SPDX-License-Identifier: Apache-2.0
#include "bench/harness.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo::bench {
namespace {

constexpr unsigned fewest_turns = 2;  // whatever the budget

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

Entry prepared(std::unique_ptr<Probe> probe, bool interrupted) {
  Entry entry;
  entry.rows = probe->rows();
  auto outcome = interrupted ? Error{Errc::unavailable, "interrupted"} : probe->prepare();
  entry.ready = outcome.has_value();
  for (Row& row : entry.rows) {
    if (entry.ready || row.status == RowStatus::not_run) continue;
    row.status = RowStatus::not_run;
    row.reason = outcome.error().message;
  }
  entry.probe = std::move(probe);
  return entry;
}

std::string why_missing(const Result<Sample>& sample, const std::string& key) {
  if (!sample) return sample.error().message;
  auto reason = sample->disturbed.find(key);
  if (reason != sample->disturbed.end()) return reason->second;
  return sample->reason.empty() ? "gave no value" : sample->reason;
}

// What a sample has for a row: one figure, or those of its series.
std::vector<double> figures_of(const Result<Sample>& sample, const std::string& key) {
  if (!sample) return {};
  if (auto value = sample->values.find(key); value != sample->values.end()) return {value->second};
  auto series = sample->series.find(key);
  return series == sample->series.end() ? std::vector<double>() : series->second;
}

void take(Entry& entry, const Result<Sample>& sample, unsigned turn) {
  for (Row& row : entry.rows) {
    if (row.status == RowStatus::not_run) continue;
    const std::string& key = row.key.empty() ? row.metric : row.key;
    const std::vector<double> figures = figures_of(sample, key);
    row.samples.insert(row.samples.end(), figures.begin(), figures.end());
    row.turns.insert(row.turns.end(), figures.size(), turn);
    if (!figures.empty()) continue;
    row.failed++;
    row.disturbed += sample && sample->disturbed.contains(key);
    if (row.reason.empty()) row.reason = why_missing(sample, key);
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
    if (row.status == RowStatus::measured && row.samples.empty() && row.failed == 0) {
      row.status = RowStatus::not_run;
      row.reason = "interrupted before the first sample";
    }
    for (const std::string& name : entry.phase_order)
      row.phases.push_back({name, median(entry.phases[name])});
    rows.push_back(std::move(row));
  }
}

// Of samples that were taken in the same turn: where one of them failed there is no ratio.
std::vector<double> paired_ratios(const Row& row, const Row& peer) {
  std::map<unsigned, double> others;
  for (size_t i = 0; i < peer.samples.size(); i++) others[peer.turns[i]] = peer.samples[i];
  std::vector<double> ratios;
  for (size_t i = 0; i < row.samples.size(); i++) {
    auto other = others.find(row.turns[i]);
    if (other != others.end() && other->second != 0)
      ratios.push_back(row.samples[i] / other->second);
  }
  return ratios;
}

void add_ratio(Row& row, const Row& other, const std::string& to) {
  const std::vector<double> ratios = paired_ratios(row, other);
  if (!ratios.empty()) row.ratios.push_back({to, median(ratios), median_interval(ratios)});
}

}  // namespace

std::vector<Row> run_round(Round round, const std::function<void(const std::string&)>& progress,
                           const std::function<bool()>& interrupted) {
  std::vector<Entry> entries;
  for (auto& probe : round.probes) {
    progress(fmt::format("{}: preparing {}", round.title, name_of(probe->rows().at(0))));
    entries.push_back(prepared(std::move(probe), interrupted()));
  }
  auto began = std::chrono::steady_clock::now();
  auto is_late = [&](unsigned run) {
    return round.budget.count() > 0 && run >= round.warm_up + fewest_turns &&
           std::chrono::steady_clock::now() - began > round.budget;
  };
  for (unsigned run = 0; run < round.runs + round.warm_up && !interrupted(); run++) {
    if (is_late(run)) break;
    progress(fmt::format("{}: sample {} of {}", round.title, run + 1, round.runs + round.warm_up));
    for (Entry& entry : entries) {
      if (!entry.ready || interrupted()) continue;
      if (round.settle) round.settle();
      auto sample = entry.probe->measure();
      if (run >= round.warm_up) take(entry, sample, run);
    }
  }
  std::vector<Row> rows;
  for (Entry& entry : entries) finish(entry, rows);
  return rows;
}

void add_ratios(std::vector<Row>& rows) {
  for (Row& row : rows) {
    if (!row.peer.empty()) continue;
    for (const Row& peer : rows) {
      bool comparable = !peer.peer.empty() && peer.metric == row.metric &&
                        peer.direction == row.direction &&
                        (peer.mode.empty() || peer.mode == row.mode);
      if (comparable) add_ratio(row, peer, peer.peer.substr(0, peer.peer.find(' ')));
    }
  }
}

void add_technology_ratios(std::vector<Row>& rows) {
  for (Row& row : rows) {
    if (!row.peer.empty() || row.technology == "container") continue;
    for (const Row& other : rows)
      if (other.peer.empty() && other.technology == "container" && other.metric == row.metric &&
          other.mode == row.mode && other.direction == row.direction)
        add_ratio(row, other, "container");
  }
}

}  // namespace vireo::bench
