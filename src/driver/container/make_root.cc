// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>

#include "driver/container/mount_room.h"
#include "host/files.h"
#include "host/mount.h"

namespace vireo {

namespace {

enum class Found { nothing, right, other, link };

// What `path` is in one layer. Links inside the layer are followed for all but the mount points
// that vireo-enter opens strictly.
Result<Found> look_up(const Fd& layer, const std::string& path, bool directory, bool strict) {
  uint64_t follow = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  auto found = open_beneath(layer, path, O_PATH | O_NOFOLLOW,
                            strict ? follow | RESOLVE_NO_SYMLINKS : follow);
  if (!found) return Found::nothing;
  struct stat status {};
  if (::fstat(found->get(), &status) != 0)
    return system_error(fmt::format("cannot look at {}", path));
  if (S_ISLNK(status.st_mode)) {
    if (strict) return Found::link;
    auto target = open_beneath(layer, path, O_PATH, follow);
    if (!target || ::fstat(target->get(), &status) != 0) return Found::nothing;
  }
  if (directory ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode)) return Found::right;
  return S_ISCHR(status.st_mode) ? Found::nothing : Found::other;  // 0/0 is a whiteout
}

// The topmost layer that knows the path decides.
Result<Found> look_up(const std::vector<Fd>& layers, const std::string& path, bool directory) {
  const bool strict = path == "dev" || path == "proc" || path == "sys";
  for (size_t i = layers.size(); i-- > 0;) {
    Found found = TRY(look_up(layers[i], path, directory, strict));
    if (found == Found::link)
      return Error{Errc::invalid,
                   fmt::format("/{} of the image is a link; it must be a directory", path)};
    if (found == Found::other)
      return Error{Errc::invalid, fmt::format("/{} of the image is not a {}", path,
                                              directory ? "directory" : "file")};
    if (found == Found::right) return found;
  }
  return Found::nothing;
}

Result<std::vector<Fd>> shifted_layers(const RootRequest& request) {
  std::vector<Fd> layers;
  for (const std::string& path : request.root.layers)
    layers.push_back(TRY(clone_mount(path, {.user_namespace = request.user_namespace})));
  return layers;
}

}  // namespace

Result<RootNeeds> missing_in(const std::vector<std::string>& layers, const RootNeeds& needs) {
  std::vector<Fd> opened;
  for (const std::string& path : layers)
    opened.push_back(TRY(open_path(path, O_PATH | O_DIRECTORY)));
  RootNeeds missing;
  for (const std::string& path : needs.directories)
    if (TRY(look_up(opened, path, true)) == Found::nothing) missing.directories.push_back(path);
  for (const std::string& path : needs.files)
    if (TRY(look_up(opened, path, false)) == Found::nothing) missing.files.push_back(path);
  return missing;
}

Result<Fd> make_root(MountRoom& room, const RootRequest& request) {
  if (request.root.layers.empty()) return Error{Errc::invalid, "the image has no layer"};
  const RootNeeds& missing = request.missing;
  const bool complete = missing.directories.empty() && missing.files.empty();
  std::vector<Fd> layers = TRY(shifted_layers(request));
  if (complete && !request.root.writable && layers.size() == 1) return std::move(layers[0]);
  return room.overlay({std::move(layers), missing, request.owner,
                       request.root.writable ? request.upper : std::string()});
}

}  // namespace vireo
