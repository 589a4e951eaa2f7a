// SPDX-License-Identifier: Apache-2.0
#include "keeper/log_file.h"

#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace vireo::keeper {
namespace {

Fd open_log(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
}

uint64_t size_of(const Fd& file) {
  struct stat facts {};
  return ::fstat(file.get(), &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

// How much of `records` fits into `room`, in whole records.
size_t fitting(std::string_view records, uint64_t room) {
  if (records.size() <= room) return records.size();
  const size_t newline = room == 0 ? std::string_view::npos : records.rfind('\n', room - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

}  // namespace

bool LogFile::can_open() const {
  if (Fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC))) return true;
  if (errno != ENOENT) return false;
  const std::string folder = path_.substr(0, path_.rfind('/') + 1);
  return ::faccessat(AT_FDCWD, folder.empty() ? "." : folder.c_str(), W_OK, AT_EACCESS) == 0;
}

void LogFile::append(std::string_view records) const {
  if (records.empty()) return;
  if (records.size() > 2 * limit_ + max_line) {  // the rest would be rotated away at once
    records.remove_prefix(records.find('\n', records.size() - 2 * limit_ - max_line) + 1);
  }
  Fd file = open_log(path_);
  uint64_t size = size_of(file);
  while (file && !records.empty()) {
    size_t part = fitting(records, limit_ > size ? limit_ - size : 0);
    if (part == 0 && size == 0) part = records.find('\n') + 1;  // a record over the limit itself
    if (part != 0 && ::write(file.get(), records.data(), part) < 0) return;
    records.remove_prefix(part);
    if (records.empty()) return;
    if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return;
    file = open_log(path_);
    size = 0;
  }
}

void LineCutter::add(std::string_view output, std::string& records) {
  stamp();
  while (!output.empty()) {
    const size_t newline = output.find('\n');
    const size_t room = max_line - pending_.size();
    const size_t length = newline == std::string_view::npos ? output.size() : newline;
    if (length > room) {
      pending_.append(output.substr(0, room));
      output.remove_prefix(room);
      record('P', pending_, records);
      pending_.clear();
      continue;
    }
    pending_.append(output.substr(0, length));
    if (newline == std::string_view::npos) return;
    output.remove_prefix(length + 1);
    record('F', pending_, records);
    pending_.clear();
  }
}

void LineCutter::end(std::string& records) {
  stamp();
  if (!pending_.empty()) record('F', pending_, records);
  pending_.clear();
  pending_.shrink_to_fit();
}

// Once for all that was read at once: the clock's text costs ten times a short record.
void LineCutter::stamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  const size_t length = ::strftime(time_, sizeof time_, "%Y-%m-%dT%H:%M:%S", &parts);
  ::snprintf(time_ + length, sizeof time_ - length, ".%06ldZ ", now.tv_nsec / 1000);
}

void LineCutter::record(char tag, std::string_view text, std::string& records) const {
  records.append(time_).append(stream_).append({' ', tag, ' '}).append(text).push_back('\n');
}

}  // namespace vireo::keeper
