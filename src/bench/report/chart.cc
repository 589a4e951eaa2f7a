// SPDX-License-Identifier: Apache-2.0
#include "bench/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report/report.h"

namespace vireo::bench {
namespace {

constexpr double left = 300, right = 940, lane = 24, top = 8, log_from = 20;
constexpr const char* phase_colours[] = {"#2f6db3", "#4f9d69", "#c98a2b", "#8a5aa8",
                                         "#c25450", "#3d9aa3", "#7b8794"};

struct Scale {
  double low = 0, high = 1;
  bool logarithmic = false;
  double at(double value) const {
    double part =
        logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return left + std::clamp(part, 0.0, 1.0) * (right - left);
  }
};

Scale scale_for(const std::vector<Row>& rows) {
  double low = INFINITY, high = 0;
  for (const Row& row : rows)
    for (double sample : row.samples) {
      low = std::min(low, sample);
      high = std::max(high, sample);
    }
  Scale scale;
  scale.logarithmic = low > 0 && high / low > log_from;
  scale.low = scale.logarithmic ? low / 1.3 : 0;
  scale.high = scale.logarithmic ? high * 1.3 : std::max(high * 1.05, 1e-9);
  return scale;
}

// 1, 2, 5 times the powers of ten that lie in the scale.
std::vector<double> ticks(const Scale& scale) {
  std::vector<double> all;
  double first = std::floor(std::log10(scale.logarithmic ? scale.low : scale.high / 100));
  for (double power = std::pow(10, first); power <= scale.high; power *= 10)
    for (double step : {1.0, 2.0, 5.0})
      if (power * step >= scale.low && power * step <= scale.high) all.push_back(power * step);
  std::vector<double> kept;
  for (double tick : all)
    if (kept.empty() || scale.at(tick) - scale.at(kept.back()) > 60) kept.push_back(tick);
  return kept;
}

std::string axis(const Scale& scale, double bottom) {
  std::string text;
  for (double tick : ticks(scale))
    text += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"#e3e7ec\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#5a6775\">{4}</text>\n",
        scale.at(tick), top, bottom, bottom + 14, figure_text(tick));
  return text;
}

std::string draft_mark(const Row& row, const Scale& scale, double y) {
  double x = scale.at(row.samples.at(0));
  return fmt::format("<path d=\"M{:.1f} {:.1f}l6 6l-6 6l-6 -6z\" fill=\"#c98a2b\"/>\n", x, y - 6);
}

std::string spread(const Row& row, const Scale& scale, double y) {
  std::string text;
  const char* colour = row.peer.empty() ? "#2f6db3" : "#7b8794";
  for (size_t i = 0; i < row.samples.size(); i++)
    text += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.4\" fill=\"{}\" fill-opacity=\".45\"/>",
        scale.at(row.samples[i]), y + static_cast<double>(i % 5) - 2, colour);
  auto [low, high] = median_interval(row.samples);
  double middle = scale.at(median(row.samples));
  text += fmt::format(
      "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{2:.1f}\" y2=\"{1}\" stroke=\"{3}\" "
      "stroke-width=\"4\" stroke-opacity=\".5\"/>"
      "<line x1=\"{4:.1f}\" y1=\"{5}\" x2=\"{4:.1f}\" y2=\"{6}\" stroke=\"{3}\" "
      "stroke-width=\"2.5\"/>\n",
      scale.at(low), y, scale.at(high), colour, middle, y - 9, y + 9);
  return text;
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    // Other control characters have no place in XML 1.0.
    else if (static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t')
      out += c;
  }
  return out;
}

std::string spread_chart(const std::vector<Row>& all) {
  std::vector<Row> rows;
  for (const Row& row : all)
    if (!row.samples.empty()) rows.push_back(row);
  if (rows.empty()) return {};
  Scale scale = scale_for(rows);
  double bottom = top + lane * static_cast<double>(rows.size());
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {}\" font-size=\"12\" "
      "font-family=\"system-ui,sans-serif\" role=\"img\">\n{}",
      bottom + 20, axis(scale, bottom));
  double y = top + lane / 2;
  for (const Row& row : rows) {
    text += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#1c2530\">{}</text>",
                        left - 12, y + 4, escape_markup(label_of(row)));
    text += row.status == RowStatus::published ? draft_mark(row, scale, y) : spread(row, scale, y);
    y += lane;
  }
  return text + "</svg>\n";
}

std::string phase_bar(const std::vector<PhaseTime>& phases) {
  double total = 0, x = 10;
  for (const PhaseTime& phase : phases) total += phase.ms;
  if (total <= 0) return {};
  std::string bars, legend;
  size_t i = 0;
  for (const PhaseTime& phase : phases) {
    double width = 930 * phase.ms / total;
    const char* colour = phase_colours[i % std::size(phase_colours)];
    bars += fmt::format("<rect x=\"{:.1f}\" y=\"4\" width=\"{:.1f}\" height=\"22\" fill=\"{}\"/>",
                        x, width, colour);
    legend +=
        fmt::format("<text x=\"{}\" y=\"{}\" fill=\"{}\">{} {:.2f}</text>", 10 + 155 * (i % 6),
                    44 + 16 * (i / 6), colour, escape_markup(phase.name), phase.ms);
    x += width;
    i++;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {}\" font-size=\"12\" "
      "font-family=\"system-ui,sans-serif\" role=\"img\">{}{}</svg>\n",
      52 + 16 * (phases.size() / 6), bars, legend);
}

}  // namespace vireo::bench
