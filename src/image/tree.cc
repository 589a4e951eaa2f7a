// SPDX-License-Identifier: Apache-2.0
#include "image/tree.h"

#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>
#include <set>

#include "host/files.h"

namespace vireo {

Result<Fd> open_directory(const std::string& path) {
  return open_path(path, O_RDONLY | O_DIRECTORY);
}

static int open_beneath(const Fd& directory, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how));
}

Result<Fd> open_inside(const Fd& directory, const std::string& path) {
  // O_NONBLOCK: a FIFO in the place of the file must not hold us up.
  Fd fd(open_beneath(directory, path, O_RDONLY | O_NONBLOCK));
  if (!fd) return system_error(fmt::format("cannot open `{}`", path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return Error{Errc::invalid, fmt::format("`{}` is not a regular file", path)};
  return fd;
}

Result<std::string> read_inside(const Fd& directory, const std::string& path, size_t limit) {
  Fd fd = TRY(open_inside(directory, path));
  std::string content;
  TRY(read_pieces(fd, [&](std::string_view piece) -> Result<void> {
    content += piece;
    if (content.size() <= limit) return {};
    return Error{Errc::exhausted, fmt::format("`{}` is larger than {} bytes", path, limit)};
  }));
  return content;
}

bool exists_inside(const Fd& directory, const std::string& path) {
  return static_cast<bool>(Fd(open_beneath(directory, path, O_PATH)));
}

Result<void> read_pieces(const Fd& file,
                         const std::function<Result<void>(std::string_view)>& take) {
  std::string buffer(256 * 1024, '\0');
  for (;;) {
    ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot read");
    if (n == 0) return {};
    TRY(take(std::string_view(buffer.data(), static_cast<size_t>(n))));
  }
}

Result<void> write_all(const Fd& file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<uint64_t> file_size(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("cannot read a file's size");
  return static_cast<uint64_t>(status.st_size);
}

uint64_t tree_size(const std::string& path) {
  uint64_t total = 0;
  std::set<ino_t> linked;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    struct stat status {};
    if (::lstat(it->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (status.st_nlink > 1 && !linked.insert(status.st_ino).second) continue;
    total += static_cast<uint64_t>(status.st_size);
  }
  return total;
}

}  // namespace vireo
