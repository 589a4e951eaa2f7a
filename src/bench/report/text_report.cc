// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/report.h"

namespace vireo::bench {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string ratios_text(const Row& row) {
  std::string text;
  for (const Ratio& ratio : row.ratios)
    text += fmt::format("  {} of {}", figure_text(ratio.median), ratio.to);
  return text;
}

std::string measured_line(const Row& row) {
  Summary summary = summarise(row.samples);
  std::string line = fmt::format(
      "  {:<46} {:>5} {:>9}  {:<19} {:>8} {:>8}", label_of(row), summary.n,
      figure_text(summary.median),
      fmt::format("[{} {}]", figure_text(summary.ci95.first), figure_text(summary.ci95.second)),
      figure_text(summary.p90), figure_text(summary.max));
  line += ratios_text(row);
  if (row.failed > 0) line += fmt::format("  {} failed: {}", row.failed, first_line(row.reason));
  return line + "\n";
}

std::string line_of(const Row& row, const std::string& unit) {
  if (row.status == RowStatus::published)
    return fmt::format("  {:<46} {:>5} {:>9}{}\n", label_of(row), "-",
                       figure_text(row.samples.at(0)), unit);
  if (row.status == RowStatus::not_run)
    return fmt::format("  {:<46} {:>5} {:>9}  not run: {}\n", label_of(row), "-", "-",
                       first_line(row.reason));
  if (row.samples.empty())
    return fmt::format("  {:<46} {:>5} {:>9}  all {} failed: {}\n", label_of(row), 0, "-",
                       row.failed, first_line(row.reason));
  return measured_line(row);
}

// How it was measured, each way once.
std::string sources_text(const Report& report, const std::string& metric) {
  std::vector<std::string> sources;
  for (const Row& row : report.rows) {
    bool said = std::find(sources.begin(), sources.end(), row.source) != sources.end();
    if (row.metric == metric && row.status == RowStatus::measured && !row.source.empty() && !said)
      sources.push_back(row.source);
  }
  std::string text;
  for (const std::string& source : sources) text += (text.empty() ? "  by " : "; ") + source;
  return text.empty() ? text : text + "\n";
}

std::string section(const Report& report, const std::string& metric, const std::string& title) {
  std::string lines, unit;
  for (const Row& row : report.rows) {
    if (row.metric != metric) continue;
    if (unit.empty()) unit = row.unit;
    lines += line_of(row, row.unit == unit ? "" : " " + row.unit);
  }
  lines += sources_text(report, metric);
  if (lines.empty()) return {};
  std::string head = fmt::format("{} ({})", title, unit);
  return fmt::format("{}\n  {:<46} {:>5} {:>9}  {:<19} {:>8} {:>8}\n{}\n", head, "", "n", "median",
                     "[95 % interval]", "p90", "max", lines);
}

std::string phases_text(const Report& report) {
  std::string text;
  for (const Row& row : report.rows) {
    if (row.metric != "function_ready" || row.phases.empty()) continue;
    text += fmt::format("Phases of a start ({}), medians in ms:", label_of(row));
    for (const PhaseTime& phase : row.phases)
      text += fmt::format(" {} {:.2f}", phase.name, phase.ms);
    text += "\n";
  }
  return text.empty() ? text : text + "\n";
}

std::string host_line(const Report& report) {
  const Json& host = report.host;
  return fmt::format("host: {} cores, kernel {}, {}, cgroup {}, {}, TCP {}; {}.\n",
                     host["cpus"].integer(), host["kernel"].text(), host["processor"].text(),
                     host["cgroup"].text(), host["kvm"].text(), host["congestion_control"].text(),
                     noise_text(report.noise));
}

}  // namespace

std::string text_report(const Report& report) {
  std::string text;
  if (report.quick) text += "Quick run: few samples; read the order, not the digits.\n\n";
  for (const auto& [metric, title] : metric_titles()) text += section(report, metric, title);
  text += phases_text(report) + host_line(report);
  if (!report.verdicts.empty()) text += "\n" + verdicts_text(report.verdicts);
  return text;
}

}  // namespace vireo::bench
