// SPDX-License-Identifier: Apache-2.0
#include "image/layer_writer.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>

namespace vireo {

static constexpr std::string_view whiteout_prefix = ".wh.";
static constexpr std::string_view opaque_name = ".wh..wh..opq";

static timespec modified(archive_entry* entry) {
  return {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static uid_t owner(archive_entry* entry) { return static_cast<uid_t>(archive_entry_uid(entry)); }
static gid_t group(archive_entry* entry) { return static_cast<gid_t>(archive_entry_gid(entry)); }

// The owner first: chown clears the setuid bit that the mode may bring.
static Result<void> set_attributes(int file, archive_entry* entry) {
  std::array<timespec, 2> times{modified(entry), modified(entry)};
  if (::fchown(file, owner(entry), group(entry)) != 0)
    return system_error(fmt::format("cannot give it to user {}:{}", owner(entry), group(entry)));
  if (::fchmod(file, archive_entry_perm(entry)) != 0) return system_error("cannot set its mode");
  if (::futimens(file, times.data()) != 0) return system_error("cannot set its time");
  return {};
}

static Result<void> set_attributes_at(const Place& place, archive_entry* entry) {
  const char* name = place.name.c_str();
  std::array<timespec, 2> times{modified(entry), modified(entry)};
  if (::fchownat(place.parent, name, owner(entry), group(entry), AT_SYMLINK_NOFOLLOW) != 0 ||
      ::utimensat(place.parent, name, times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return system_error("cannot set its owner and time");
  return {};
}

Result<void> LayerWriter::count(int64_t bytes) {
  auto more = static_cast<uint64_t>(bytes);
  if (bytes < 0 || more > limits_.bytes - report_.bytes)
    return Error{Errc::exhausted,
                 fmt::format("its files are larger than {} bytes together", limits_.bytes)};
  report_.bytes += more;
  return {};
}

Result<void> LayerWriter::copy_content(archive* stream, int file) {
  const void* block = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    int result = archive_read_data_block(stream, &block, &size, &offset);
    if (result == ARCHIVE_EOF) return {};
    if (result != ARCHIVE_OK)
      return Error{Errc::corrupt, fmt::format("{}", archive_error_string(stream))};
    const char* from = static_cast<const char*>(block);
    for (size_t done = 0; done < size;) {
      ssize_t n = ::pwrite(file, from + done, size - done, offset + static_cast<off_t>(done));
      if (n < 0) return system_error("cannot write it");
      done += static_cast<size_t>(n);
    }
  }
}

Result<void> LayerWriter::add_file(archive* stream, archive_entry* entry, const Place& place) {
  TRY(count(archive_entry_size(entry)));
  TRY(root_.clear(place));
  Fd file(::openat(place.parent, place.name.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return system_error("cannot make the file");
  TRY(copy_content(stream, file.get()));
  if (::ftruncate(file.get(), archive_entry_size(entry)) != 0)  // a hole at a sparse file's end
    return system_error("cannot set its size");
  return set_attributes(file.get(), entry);
}

Result<void> LayerWriter::add_directory(archive_entry* entry, const Place& place) {
  const char* name = place.name.empty() ? "." : place.name.c_str();
  struct stat status {};
  bool present = ::fstatat(place.parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!present || !S_ISDIR(status.st_mode)) {
    // A whiteout that the layer brought before: nothing of lower layers may shine through.
    if (present && S_ISCHR(status.st_mode)) opaque_.insert(place.path);
    TRY(root_.clear(place));
    if (::mkdirat(place.parent, name, 0700) != 0) return system_error("cannot make the directory");
  }
  Fd directory(::openat(place.parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return system_error("cannot open the directory");
  directories_.push_back({place.path, modified(entry)});
  return set_attributes(directory.get(), entry);
}

Result<void> LayerWriter::add_symbolic_link(archive_entry* entry, const Place& place) {
  const char* target = archive_entry_symlink(entry);
  if (target == nullptr || *target == '\0') return Error{Errc::corrupt, "its link leads nowhere"};
  TRY(root_.clear(place));
  if (::symlinkat(target, place.parent, place.name.c_str()) != 0)
    return system_error("cannot make the link");
  return set_attributes_at(place, entry);
}

Result<void> LayerWriter::add_hard_link(const std::string& target, const std::string& name) {
  std::string from = TRY_IN("hard link", root_.place(target)).path;
  Place place = TRY(root_.place(name));
  if (from == place.path) return {};
  TRY(root_.clear(place));
  // `from` has no link in its parents and, with no flags, is itself not followed.
  if (::linkat(root_.root(), from.c_str(), place.parent, place.name.c_str(), 0) != 0)
    return system_error(fmt::format("cannot make the hard link to `{}`", target));
  return {};
}

Result<void> LayerWriter::add_fifo(archive_entry* entry, const Place& place) {
  TRY(root_.clear(place));
  if (::mknodat(place.parent, place.name.c_str(), S_IFIFO | 0600, 0) != 0 ||
      ::fchmodat(place.parent, place.name.c_str(), archive_entry_perm(entry), 0) != 0)
    return system_error("cannot make the FIFO");
  return set_attributes_at(place, entry);
}

Result<void> LayerWriter::add_whiteout(const Place& place) {
  if (place.name == opaque_name) {
    size_t cut = place.path.find_last_of('/');
    opaque_.insert(cut == std::string::npos ? "" : place.path.substr(0, cut));
    return {};
  }
  std::string hidden = place.name.substr(whiteout_prefix.size());
  if (hidden.starts_with(whiteout_prefix)) return {};  // bookkeeping of aufs
  if (hidden.empty() || hidden == "." || hidden == "..")
    return Error{Errc::denied, "a whiteout needs the name of what it hides"};
  if (::mknodat(place.parent, hidden.c_str(), S_IFCHR, 0) == 0) return {};
  if (errno != EEXIST) return system_error("cannot make the whiteout");
  // The layer itself brings the name: a file hides by itself, a directory must not show lower ones.
  struct stat status {};
  if (::fstatat(place.parent, hidden.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(status.st_mode))
    opaque_.insert(place.path.substr(0, place.path.size() - place.name.size()) + hidden);
  return {};
}

static Error not_taken(const char* kind) {
  return {Errc::denied, fmt::format("it is {}, which images may not bring", kind)};
}

Result<void> LayerWriter::add(archive* stream, archive_entry* entry) {
  if (++report_.entries > limits_.entries)
    return Error{Errc::exhausted, fmt::format("more than {} entries", limits_.entries)};
  const char* text = archive_entry_pathname(entry);
  if (text == nullptr) return Error{Errc::corrupt, "an entry has no readable name"};
  std::string name = text;
  if (const char* target = archive_entry_hardlink(entry); target != nullptr)
    return add_hard_link(target, name);
  Place place = TRY(root_.place(name));
  auto kind = archive_entry_filetype(entry);
  if (place.name.empty() && kind != AE_IFDIR)
    return Error{Errc::denied, "it would replace the root directory"};
  if (place.name.starts_with(whiteout_prefix)) return add_whiteout(place);
  switch (kind) {
    case AE_IFREG:
      return add_file(stream, entry, place);
    case AE_IFDIR:
      return add_directory(entry, place);
    case AE_IFLNK:
      return add_symbolic_link(entry, place);
    case AE_IFIFO:
      return add_fifo(entry, place);
    case AE_IFCHR:
      return not_taken("a character device");
    case AE_IFBLK:
      return not_taken("a block device");
    case AE_IFSOCK:
      return not_taken("a socket");
    default:
      return not_taken("of an unknown kind");
  }
}

Result<UnpackReport> LayerWriter::finish() {
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    std::array<timespec, 2> times{it->modified, it->modified};
    const char* path = it->path.empty() ? "." : it->path.c_str();
    // May be gone: a later entry of the same name replaced it.
    if (::utimensat(root_.root(), path, times.data(), AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
      return system_error(fmt::format("cannot set the time of `{}`", it->path));
  }
  report_.opaque.assign(opaque_.begin(), opaque_.end());
  return std::move(report_);
}

}  // namespace vireo
