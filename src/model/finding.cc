// SPDX-License-Identifier: Apache-2.0
#include "model/finding.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/descriptor.h"

namespace vireo {
namespace {

constexpr size_t longest_quote = 60;
constexpr size_t widest_line = 120;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Without what would steer a terminal; line ends included.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

std::string_view line_of(std::string_view text, int number) {
  std::string_view line;
  for (int i = 0; i < number; i++) {
    size_t end = text.find('\n');
    line = text.substr(0, end);
    if (end == std::string_view::npos) return i + 1 == number ? line : std::string_view{};
    text.remove_prefix(end + 1);
  }
  return line;
}

// The part of a line around `column` that fits a screen, and the columns in front of the mark.
struct Excerpt {
  std::string text;
  size_t before = 0;
  size_t marked = 1;
};

Excerpt excerpt_of(std::string_view line, size_t column, size_t length) {
  size_t from = column > widest_line ? column - widest_line / 2 : 0;
  while (from > 0 && from < line.size() && continues(line[from])) from--;
  from = std::min(from, line.size());
  size_t to = std::min(line.size(), from + widest_line);
  while (to < line.size() && continues(line[to])) to++;
  std::string_view part = line.substr(from, to - from);
  auto columns = [&](size_t begin, size_t end) {
    end = std::min(end, part.size());
    size_t count = 0;
    for (size_t i = begin; i < end; i++) count += continues(part[i]) ? 0 : 1;
    return count;
  };
  size_t start = column - from;
  Excerpt result{printable(part), columns(0, start), columns(start, start + length)};
  result.marked = std::max<size_t>(result.marked, 1);
  return result;
}

}  // namespace

std::string quoted(std::string_view text) {
  size_t end = std::min(text.size(), longest_quote);
  while (end < text.size() && end > 0 && continues(text[end])) end--;
  return fmt::format("`{}{}`", printable(text.substr(0, end)), end < text.size() ? "..." : "");
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  std::string near = word.size() > 64 ? "" : nearest(word, candidates);
  return near.empty() ? "" : fmt::format("did you mean `{}`?", near);
}

std::string finding_text(const Finding& finding, std::string_view file, std::string_view text) {
  std::string out = fmt::format("{}:{}:{}: {}\n", file, finding.place.line, finding.place.column,
                                finding.message);
  std::string_view line = line_of(text, finding.place.line);
  if (!line.empty() && finding.place.column >= 1) {
    Excerpt excerpt = excerpt_of(line, static_cast<size_t>(finding.place.column) - 1,
                                 static_cast<size_t>(std::max(finding.length, 1)));
    out += fmt::format("{:5} | {}\n      | {:{}}{:^>{}}\n", finding.place.line, excerpt.text, "",
                       excerpt.before, "", excerpt.marked);
  }
  if (!finding.fix.empty()) out += finding.fix + "\n";
  return out;
}

}  // namespace vireo
