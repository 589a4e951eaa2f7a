// SPDX-License-Identifier: Apache-2.0
#include "host/mount.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/syscall.h>

namespace vireo {

namespace {

uint64_t attributes(const MountOptions& options) {
  uint64_t set = MOUNT_ATTR_NOSUID;
  if (options.read_only) set |= MOUNT_ATTR_RDONLY;
  if (options.no_exec) set |= MOUNT_ATTR_NOEXEC;
  if (options.no_device) set |= MOUNT_ATTR_NODEV;
  return set;
}

}  // namespace

Result<Fd> make_mount(const std::string& type,
                      const std::vector<std::pair<std::string, std::string>>& settings,
                      const MountOptions& options) {
  Fd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return system_error(fmt::format("cannot use file system {}", type));
  for (const auto& [key, value] : settings) {
    unsigned kind = value.empty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    if (::fsconfig(context.get(), kind, key.c_str(), value.empty() ? nullptr : value.c_str(), 0) !=
        0)
      return system_error(fmt::format("cannot set {}={} of a {} mount", key, value, type));
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return system_error(fmt::format("cannot make a {} mount", type));
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes(options))));
  if (!mount) return system_error(fmt::format("cannot make a {} mount", type));
  return mount;
}

Result<Fd> clone_mount(const std::string& path, const MountOptions& options) {
  unsigned recursive = options.recursive ? AT_RECURSIVE : 0;
  Fd mount(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive));
  if (!mount) return system_error(fmt::format("cannot copy the mount at {}", path));
  TRY_IN(path, change_mount(mount, options));
  return mount;
}

Result<void> change_mount(const Fd& mount, const MountOptions& options) {
  mount_attr attr{};
  attr.attr_set = attributes(options);
  if (options.user_namespace >= 0) {
    attr.attr_set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<uint64_t>(options.user_namespace);
  }
  unsigned flags = AT_EMPTY_PATH | (options.recursive ? AT_RECURSIVE : 0);
  if (::mount_setattr(mount.get(), "", flags, &attr, sizeof attr) == 0) return {};
  if (options.user_namespace >= 0 && errno == EINVAL)
    return Error{Errc::unsupported, "this file system cannot be mounted with shifted owners"};
  return system_error("cannot change a mount");
}

Result<void> attach_mount(const Fd& mount, const std::string& path) {
  if (::move_mount(mount.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return system_error(fmt::format("cannot attach a mount at {}", path));
  return {};
}

Result<void> attach_mount(const Fd& mount, const Fd& onto) {
  if (::move_mount(mount.get(), "", onto.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return system_error("cannot attach a mount");
  return {};
}

Result<Fd> open_beneath(const Fd& root, const std::string& path, int flags, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve;
  long fd = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
  if (fd < 0) return system_error(fmt::format("cannot open {}", path));
  return Fd(static_cast<int>(fd));
}

}  // namespace vireo
