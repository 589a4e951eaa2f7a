// SPDX-License-Identifier: Apache-2.0
// Small files read and written whole, directories made and removed, sealed memory files.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

Result<std::string> read_file(const std::string& path, size_t limit = 64u << 20);
// One write() to an existing file: for /proc, /sys and cgroup files, whose kernel side takes a
// value in one piece.
Result<void> write_existing(const std::string& path, std::string_view text);
// Replaces the file as a whole: temporary name, fsync, rename. Readers see the old or the new one.
Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode = 0644);

Result<void> make_directories(const std::string& path, unsigned mode = 0755);
Result<void> remove_tree(const std::string& path);  // absent: success; stays on one mount
Result<std::vector<std::string>> list_directory(const std::string& path);  // names, sorted
bool exists(const std::string& path);

// The running program's file, and the folder it is in; "" when the kernel does not tell.
std::string own_program();
std::string own_folder();

Result<Fd> open_path(const std::string& path, int flags, unsigned mode = 0);

// A memory file with `content` that nobody can change any more, readable from its start.
Result<Fd> sealed_memory(const std::string& name, std::string_view content);
// A memory file made with MFD_ALLOW_SEALING: nobody changes it any more. Refused while somebody has
// it mapped to write.
Result<void> seal(const Fd& memory);

// A directory of its own under $TMPDIR or /tmp, removed with all it holds.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make(std::string_view prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace vireo
