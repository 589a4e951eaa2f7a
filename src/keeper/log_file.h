// SPDX-License-Identifier: Apache-2.0
// Lines of output on their way into a capped file, in the CRI log format:
// `2026-11-24T20:16:01.000123Z stdout F text`; P marks a piece of a line that goes on.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace vireo::keeper {

constexpr size_t max_line = 16 * 1024;

// Keeps no descriptor: thousands of them would not fit one process. What cannot be written (full
// disk, missing folder) is thrown away.
class LogFile {
 public:
  LogFile() = default;
  LogFile(std::string path, uint64_t limit) : path_(std::move(path)), limit_(limit) {}
  // errno tells why not. The file is made when there is something to write: most spares never have,
  // and ext4 takes 300 us for one while others are being removed (fs/ext4/ialloc.c,
  // recently_deleted).
  bool can_open() const;
  // Adds whole records. Before the file would grow over the limit it becomes PATH.1.
  void append(std::string_view records) const;

 private:
  std::string path_;
  uint64_t limit_ = 0;
};

// Cuts one stream into records. Keeps at most `max_line` bytes.
class LineCutter {
 public:
  explicit LineCutter(std::string_view stream = "stdout") : stream_(stream) {}
  void add(std::string_view output, std::string& records);
  void end(std::string& records);  // the stream is over: what is left without a newline

 private:
  void stamp();
  void record(char tag, std::string_view text, std::string& records) const;
  std::string_view stream_;
  std::string pending_;
  char time_[40] = {};
};

}  // namespace vireo::keeper
