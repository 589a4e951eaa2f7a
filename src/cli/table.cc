// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace vireo {
namespace {

constexpr size_t gap = 3;

size_t columns_of(std::string_view text) {  // code points: enough for what we print
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string padded(const std::string& text, size_t width, bool right) {
  std::string blanks(width - std::min(width, columns_of(text)), ' ');
  return right ? blanks + text : text + blanks;
}

std::vector<size_t> widths_of(const std::vector<Column>& columns,
                              const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns.size(); i++) {
    size_t widest = columns_of(columns[i].title);
    for (const auto& row : rows) widest = std::max(widest, columns_of(row[i]));
    widths.push_back(widest);
  }
  return widths;
}

// Which columns fit: takes out the least needed until the rest does.
std::vector<size_t> chosen(const std::vector<Column>& columns, const std::vector<size_t>& widths,
                           size_t limit) {
  std::vector<size_t> kept;
  size_t total = 0;
  for (size_t i = 0; i < columns.size(); i++) {
    kept.push_back(i);
    total += widths[i] + gap;
  }
  while (limit > 0 && total > limit + gap) {
    auto least = std::max_element(kept.begin(), kept.end(), [&](size_t a, size_t b) {
      return columns[a].need < columns[b].need;
    });
    if (least == kept.end() || columns[*least].need == 0) break;
    total -= widths[*least] + gap;
    kept.erase(least);
  }
  return kept;
}

}  // namespace

std::string table_text(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows, size_t width) {
  std::vector<size_t> widths = widths_of(columns, rows);
  std::vector<size_t> kept = chosen(columns, widths, width);
  std::string out;
  auto add_row = [&](auto cell) {
    std::string line;
    for (size_t i : kept) {
      if (!line.empty()) line.append(gap, ' ');
      line += padded(cell(i), widths[i], columns[i].right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add_row([&](size_t i) { return columns[i].title; });
  for (const auto& row : rows) add_row([&](size_t i) { return row[i]; });
  return out;
}

std::string milliseconds_text(double ms) {
  if (ms < 1) return fmt::format("{:.2f} ms", ms);
  if (ms < 10) return fmt::format("{:.1f} ms", ms);
  if (ms < 1000) return fmt::format("{:.0f} ms", ms);
  return fmt::format("{:.1f} s", ms / 1000);
}

std::string uptime_text(const Json& seconds) {
  if (!seconds.is_number()) return "-";
  auto whole = std::chrono::seconds(seconds.integer());
  return whole < std::chrono::seconds(10) ? fmt::format("{}s", whole.count())
                                          : duration_text(whole);
}

std::string rate_text(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.1f} M", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.1f} k", per_second / 1e3);
  return fmt::format("{:.0f}", per_second);
}

}  // namespace vireo
