// SPDX-License-Identifier: Apache-2.0
#include "host/files.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

namespace vireo {

namespace fs = std::filesystem;

Result<Fd> open_path(const std::string& path, int flags, unsigned mode) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return system_error(fmt::format("cannot open {}", path));
  return Fd(fd);
}

std::string own_program() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return std::string(path, size > 0 ? static_cast<size_t>(size) : 0);
}

std::string own_folder() {
  const std::string program = own_program();
  return program.substr(0, program.rfind('/'));
}

static Result<void> write_whole(const Fd& fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(fmt::format("cannot write {}", path));
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<std::string> read_file(const std::string& path, size_t limit) {
  Fd fd = TRY(open_path(path, O_RDONLY));
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(fmt::format("cannot read {}", path));
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > limit)
      return Error{Errc::exhausted, fmt::format("{} is larger than {} bytes", path, limit)};
  }
}

Result<void> write_existing(const std::string& path, std::string_view text) {
  Fd fd = TRY(open_path(path, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) < 0)
    return system_error(fmt::format("cannot write `{}` to {}", text, path));
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".new";
  Fd fd = TRY(open_path(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY(write_whole(fd, content, temporary));
  if (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
    return system_error(fmt::format("cannot replace {}", path));
  return {};
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST)
      return system_error(fmt::format("cannot make directory {}", part));
    if (at != std::string::npos) at++;
  }
  return {};
}

Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return system_error(fmt::format("cannot remove {}", path), error.value());
  return {};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return system_error(fmt::format("cannot list {}", path), error.value());
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<Fd> sealed_memory(const std::string& name, std::string_view content) {
  Fd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_error("cannot create a memory file");
  TRY(write_whole(fd, content, name));
  ::lseek(fd.get(), 0, SEEK_SET);
  TRY(seal(fd));
  return fd;
}

Result<void> seal(const Fd& memory) {
  constexpr int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(memory.get(), F_ADD_SEALS, all) == 0) return {};
  return system_error("cannot seal a memory file");
}

Result<TemporaryDirectory> TemporaryDirectory::make(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string path = fmt::format("{}/{}-XXXXXX", base != nullptr ? base : "/tmp", prefix);
  if (::mkdtemp(path.data()) == nullptr) return system_error("cannot make a temporary directory");
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // nothing can be done about it here
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace vireo
