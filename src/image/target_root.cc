// SPDX-License-Identifier: Apache-2.0
#include "image/target_root.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>

#include "base/text.h"

namespace vireo {

static constexpr unsigned most_links = 40;  // as path_resolution(7)
static constexpr size_t longest_part = 255;

static std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string_view part : split(path, '/'))
    if (!part.empty() && part != ".") parts.emplace_back(part);
  return parts;
}

Result<std::vector<std::string>> entry_parts(std::string_view name, size_t longest) {
  if (name.size() > longest)
    return Error{Errc::exhausted, fmt::format("its name is longer than {} bytes", longest)};
  if (name.find('\0') != std::string_view::npos)
    return Error{Errc::denied, "its name contains a zero byte"};
  if (name.starts_with('/')) return Error{Errc::denied, "its name is absolute"};
  std::vector<std::string> parts = parts_of(name);
  for (const std::string& part : parts) {
    if (part == "..") return Error{Errc::denied, "its name climbs with `..`"};
    if (part.size() > longest_part)
      return Error{Errc::exhausted,
                   fmt::format("a part of its name is longer than {} bytes", longest_part)};
  }
  return parts;
}

// Takes the next part of `todo` (kept backwards) down from the real directory `done`.
Result<void> TargetRoot::step(std::vector<std::string>& done, std::vector<std::string>& todo,
                              unsigned& links) {
  std::string part = std::move(todo.back());
  todo.pop_back();
  if (part == "..") {
    if (done.empty()) return Error{Errc::denied, "a link in its name climbs out of the image"};
    done.pop_back();
    return {};
  }
  done.push_back(part);
  std::string here = fmt::format("{}", fmt::join(done, "/"));
  struct stat status {};
  if (::fstatat(root_, here.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT || ::mkdirat(root_, here.c_str(), 0755) != 0)
      return system_error(fmt::format("cannot make directory `{}`", here));
    return {};
  }
  if (S_ISDIR(status.st_mode)) return {};
  if (!S_ISLNK(status.st_mode))
    return Error{Errc::invalid, fmt::format("`{}` is not a directory", here)};
  std::array<char, 4096> target{};
  ssize_t n = ::readlinkat(root_, here.c_str(), target.data(), target.size());
  if (n < 0) return system_error(fmt::format("cannot read link `{}`", here));
  if (++links > most_links) return Error{Errc::denied, "links in its name form a circle"};
  done.pop_back();
  std::string_view text(target.data(), static_cast<size_t>(n));
  if (text.starts_with('/')) done.clear();
  std::vector<std::string> more = parts_of(text);
  todo.insert(todo.end(), more.rbegin(), more.rend());
  return {};
}

Result<std::vector<std::string>> TargetRoot::resolve(std::vector<std::string> parts) {
  std::vector<std::string> todo(parts.rbegin(), parts.rend());
  std::vector<std::string> done;
  unsigned links = 0;
  while (!todo.empty()) TRY(step(done, todo, links));
  return done;
}

static int open_real_directory(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(
      ::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how));
}

Result<Place> TargetRoot::place(std::string_view entry) {
  std::vector<std::string> parts = TRY(entry_parts(entry, longest_));
  if (parts.empty()) return Place{root_, "", ""};
  std::string name = std::move(parts.back());
  parts.pop_back();
  std::string parent_name = fmt::format("{}", fmt::join(parts, "/"));
  if (!cached_ || stale_ || cached_name_ != parent_name) {
    std::vector<std::string> real = TRY(resolve(std::move(parts)));
    cached_path_ = fmt::format("{}", fmt::join(real, "/"));
    cached_ = Fd(open_real_directory(root_, cached_path_));
    if (!cached_) return system_error(fmt::format("cannot open directory `{}`", cached_path_));
    cached_name_ = parent_name;
    stale_ = false;
  }
  std::string path = cached_path_.empty() ? name : cached_path_ + "/" + name;
  return Place{cached_.get(), std::move(name), std::move(path)};
}

Result<void> TargetRoot::clear(const Place& place) {
  if (place.name.empty()) return Error{Errc::denied, "it would replace the root directory"};
  if (::unlinkat(place.parent, place.name.c_str(), 0) == 0) {
    stale_ = true;
    return {};
  }
  if (errno == ENOENT) return {};
  stale_ = true;
  if (errno == EISDIR && ::unlinkat(place.parent, place.name.c_str(), AT_REMOVEDIR) == 0) return {};
  return system_error("cannot replace what has its name");
}

}  // namespace vireo
