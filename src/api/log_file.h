// SPDX-License-Identifier: Apache-2.0
// Reads an instance's output as vireo-keeper writes it: the CRI log format, one line
// "TIME STREAM F|P TEXT", in LOG and the older LOG.1 (kubernetes/design-proposals,
// kubelet-cri-logging).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct LogLine {
  std::string time;    // RFC 3339
  std::string stream;  // "stdout", "stderr"
  std::string text;
};

// Nothing for a line that is not in the format.
std::optional<LogLine> parse_log_line(std::string_view line);

// Follows the last of some files across rotations. A read never blocks.
class LogFile {
 public:
  // Oldest first; the last one is still written. None of them need exist.
  explicit LogFile(std::vector<std::string> paths)
      : older_(std::move(paths)), path_(older_.empty() ? "" : older_.back()) {}
  // What there is now, the older files first.
  std::vector<LogLine> read_all();
  // What has been added since the last call.
  std::vector<LogLine> read_more();

 private:
  std::vector<LogLine> drain();

  std::vector<std::string> older_;
  std::string path_;
  Fd file_;
  std::string rest_;  // of a line not yet ended
};

// The last `tail` lines that are not older than `since`.
std::vector<LogLine> selected(std::vector<LogLine> lines, std::optional<uint64_t> tail,
                              std::optional<WallTime> since);

}  // namespace vireo
