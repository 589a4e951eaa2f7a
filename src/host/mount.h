// SPDX-License-Identifier: Apache-2.0
// The descriptor-based mount calls (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)):
// mounts are made detached and attached to an opened directory, so that no path is walked twice.
#pragma once
#include <linux/openat2.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct MountOptions {
  bool read_only = true;
  bool no_exec = false;
  bool no_device = true;    // nosuid is always set
  int user_namespace = -1;  // owners are shown as this namespace maps them
  bool recursive = false;
};

// A new instance of a file system, detached.
Result<Fd> make_mount(const std::string& type,
                      const std::vector<std::pair<std::string, std::string>>& settings,
                      const MountOptions& options);
// A detached copy of the mount at `path`, seen from that directory down.
Result<Fd> clone_mount(const std::string& path, const MountOptions& options);
Result<void> change_mount(const Fd& mount, const MountOptions& options);
Result<void> attach_mount(const Fd& mount, const std::string& path);
Result<void> attach_mount(const Fd& mount, const Fd& onto);

// openat2(2): never leaves `root`. `resolve` is RESOLVE_* on top of RESOLVE_BENEATH or IN_ROOT.
Result<Fd> open_beneath(const Fd& root, const std::string& path, int flags,
                        uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                           RESOLVE_NO_MAGICLINKS);

}  // namespace vireo
