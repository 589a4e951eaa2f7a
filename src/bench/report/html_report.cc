// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "bench/report/chart.h"
#include "bench/report/report.h"

namespace vireo::bench {
namespace {

constexpr const char* style = R"(
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c2530}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}
table{border-collapse:collapse;width:100%;font-size:.87rem}
th,td{padding:.22rem .5rem;border-bottom:1px solid #e3e7ec;text-align:right;vertical-align:top}
th:first-child,td:first-child,td.text{text-align:left}th{color:#5a6775;font-weight:600}
tr.draft td{color:#7a6a3a}tr.absent td{color:#8a94a0}.met{color:#1b7f4b}.missed{color:#b3261e}
.note{color:#5a6775}pre{background:#f4f6f8;padding:.6rem;overflow-x:auto}svg{width:100%;height:auto}
@media print{body{margin:0;max-width:none}section{break-inside:avoid}}
)";

std::string table_row(const Row& row) {
  if (row.status == RowStatus::published)
    return fmt::format(
        "<tr class=\"draft\"><td>{}</td><td></td><td>{}</td><td></td><td></td>"
        "<td></td><td class=\"text\">{}</td></tr>\n",
        escape_markup(label_of(row)), figure_text(row.samples.at(0)), escape_markup(row.source));
  if (row.samples.empty())
    return fmt::format(
        "<tr class=\"absent\"><td>{}</td><td>{}</td><td></td><td></td><td></td>"
        "<td></td><td class=\"text\">{}: {}</td></tr>\n",
        escape_markup(label_of(row)), 0,
        row.status == RowStatus::not_run ? "not run" : fmt::format("all {} failed", row.failed),
        escape_markup(row.reason));
  Summary summary = summarise(row.samples);
  std::string note;
  for (const Ratio& ratio : row.ratios)
    note += fmt::format("{} [{} {}] of {}; ", figure_text(ratio.median),
                        figure_text(ratio.ci95.first), figure_text(ratio.ci95.second), ratio.to);
  if (row.failed > 0) note += fmt::format("{} failed: {}", row.failed, row.reason);
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td>{} to {}</td><td>{}</td><td>{}</td>"
      "<td class=\"text\">{}</td></tr>\n",
      escape_markup(label_of(row)), summary.n, figure_text(summary.median),
      figure_text(summary.ci95.first), figure_text(summary.ci95.second), figure_text(summary.p90),
      figure_text(summary.max), escape_markup(note));
}

std::string section(const Report& report, const std::string& metric, const std::string& title) {
  std::vector<Row> rows;
  for (const Row& row : report.rows)
    if (row.metric == metric) rows.push_back(row);
  if (rows.empty()) return {};
  std::string text = fmt::format("<section><h2>{} ({})</h2>\n{}", escape_markup(title),
                                 escape_markup(rows[0].unit), spread_chart(rows));
  text +=
      "<table><tr><th></th><th>n</th><th>median</th><th>95 % interval</th><th>p90</th>"
      "<th>max</th><th></th></tr>\n";
  for (const Row& row : rows) text += table_row(row);
  text += "</table>\n";
  for (const Row& row : rows)
    if (metric == "function_ready" && !row.phases.empty())
      text += fmt::format("<p class=\"note\">Phases of a start, {} (ms)</p>\n{}",
                          escape_markup(label_of(row)), phase_bar(row.phases));
  return text + "</section>\n";
}

std::string host_table(const Json& host) {
  std::string text = "<section><h2>Host</h2><table>\n";
  for (const auto& [name, value] : host.members())
    text += fmt::format("<tr><td>{}</td><td class=\"text\">{}</td></tr>\n", escape_markup(name),
                        escape_markup(value.is_string() ? value.text() : value.dump()));
  return text + "</table></section>\n";
}

std::string goals_table(const std::vector<Verdict>& verdicts) {
  if (verdicts.empty()) return {};
  std::string text =
      "<section><h2>Goals</h2><table><tr><th>goal</th><th>figure</th><th></th>"
      "<th>found</th></tr>\n";
  for (const Verdict& verdict : verdicts)
    text += fmt::format(
        "<tr><td>{} {}</td><td>{}</td><td class=\"{}\">{}</td><td class=\"text\">{}</td></tr>\n",
        verdict.rule.id, escape_markup(verdict.rule.goal), escape_markup(verdict.rule.figure),
        !verdict.met   ? "note"
        : *verdict.met ? "met"
                       : "missed",
        !verdict.met   ? "not judged"
        : *verdict.met ? "met"
                       : "missed",
        escape_markup(verdict.found));
  return text + "</table></section>\n";
}

}  // namespace

std::string html_report(const Report& report) {
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
      "<title>Vireo bench</title><style>{}</style></head><body>\n<h1>Vireo bench</h1>\n"
      "<p class=\"note\">{}Dots are samples, the bar is the 95 % interval of the median, the "
      "stroke "
      "the median; a diamond is the draft's own figure, from its own machine. {}.</p>\n",
      style, report.quick ? "Quick run: few samples. " : "",
      escape_markup(noise_text(report.noise)));
  for (const auto& [metric, title] : metric_titles()) text += section(report, metric, title);
  text += goals_table(report.verdicts) + host_table(report.host);
  text += fmt::format("<section><h2>Repeat it</h2><pre>{}</pre></section>\n</body></html>\n",
                      escape_markup(report.command));
  return text;
}

}  // namespace vireo::bench
