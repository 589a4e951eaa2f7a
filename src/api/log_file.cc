// SPDX-License-Identifier: Apache-2.0
#include "api/log_file.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "host/files.h"

namespace vireo {

std::optional<LogLine> parse_log_line(std::string_view line) {
  size_t first = line.find(' ');
  size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  size_t third = second == std::string_view::npos ? second : line.find(' ', second + 1);
  if (third == std::string_view::npos) return {};
  return LogLine{std::string(line.substr(0, first)),
                 std::string(line.substr(first + 1, second - first - 1)),
                 std::string(line.substr(third + 1))};
}

std::vector<LogLine> LogFile::drain() {
  std::vector<LogLine> lines;
  char buffer[65536];
  for (ssize_t n; file_ && (n = ::read(file_.get(), buffer, sizeof buffer)) > 0;) {
    rest_.append(buffer, static_cast<size_t>(n));
    size_t from = 0;
    for (size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1)
      if (auto line = parse_log_line(std::string_view(rest_).substr(from, end - from)))
        lines.push_back(std::move(*line));
    rest_.erase(0, from);
  }
  return lines;
}

std::vector<LogLine> LogFile::read_all() {
  std::vector<LogLine> lines;
  for (const std::string& path : older_) {
    auto opened = open_path(path, O_RDONLY);
    if (!opened) continue;
    file_ = std::move(*opened);
    rest_.clear();
    for (LogLine& line : drain()) lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<LogLine> LogFile::read_more() {
  std::vector<LogLine> lines = drain();
  struct stat named {
  }, held{};
  bool rotated = ::stat(path_.c_str(), &named) == 0 &&
                 (!file_ || ::fstat(file_.get(), &held) != 0 || named.st_ino != held.st_ino);
  if (!rotated) return lines;
  auto opened = open_path(path_, O_RDONLY);
  if (!opened) return lines;
  file_ = std::move(*opened);
  rest_.clear();
  for (LogLine& line : drain()) lines.push_back(std::move(line));
  return lines;
}

std::vector<LogLine> selected(std::vector<LogLine> lines, std::optional<uint64_t> tail,
                              std::optional<WallTime> since) {
  if (since)
    std::erase_if(lines, [&](const LogLine& line) {
      auto time = parse_timestamp(line.time);
      return time && *time < *since;
    });
  if (tail && lines.size() > *tail)
    lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(*tail));
  return lines;
}

}  // namespace vireo
