// SPDX-License-Identifier: Apache-2.0
// Namespaces and mounts that are the same for every instance, made while nobody waits.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver/container/enter/steps.h"

namespace vireo::enter {
namespace {

// What of /proc and /sys an instance must not read, or must not change: the lists that OCI
// runtimes agree on. What a kernel lacks is passed over.
constexpr const char* masked_in_proc[] = {"acpi",       "asound",        "interrupts",  "kcore",
                                          "keys",       "latency_stats", "sched_debug", "scsi",
                                          "timer_list", "timer_stats"};
constexpr const char* frozen_in_proc[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};
constexpr const char* masked_in_sys[] = {"devices/virtual/powercap", "firmware", "fs/selinux"};

int make_mount(const char* type, const char* const (*settings)[2], unsigned attributes) {
  int context = fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int mount = -1;
  bool good = true;
  for (; settings != nullptr && (*settings)[0] != nullptr; ++settings)
    good = good &&
           fsconfig(context, (*settings)[1] != nullptr ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
                    (*settings)[0], (*settings)[1], 0) == 0;
  if (good && fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
    mount = fsmount(context, FSMOUNT_CLOEXEC, attributes);
  int error = errno;
  close(context);
  errno = error;
  return mount;
}

int attach(int mount, int directory, const char* path) {
  return move_mount(mount, "", directory, path, MOVE_MOUNT_F_EMPTY_PATH);
}

int copy_of(int directory, const char* path, uint64_t attributes) {
  int copy = open_tree(directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  mount_attr attr{};
  attr.attr_set = attributes;
  if (copy >= 0 && mount_setattr(copy, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) return -1;
  return copy;
}

constexpr uint64_t harmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// A path that shows nothing: the null device over a file, an empty directory over a directory.
void mask(int tree, const char* path, int dev) {
  struct stat status {};
  if (fstatat(tree, path, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  constexpr const char* empty[][2] = {{"mode", "000"}, {"nr_inodes", "1"}, {nullptr, nullptr}};
  int cover = S_ISDIR(status.st_mode) ? make_mount("tmpfs", empty, harmless | MOUNT_ATTR_RDONLY)
                                      : open_tree(dev, "null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (cover < 0 || attach(cover, tree, path) != 0) fail(EnterStep::mounts);
  close(cover);
}

void freeze(int tree, const char* path) {
  struct stat status {};
  if (fstatat(tree, path, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  int copy = copy_of(tree, path, harmless | MOUNT_ATTR_RDONLY);
  if (copy < 0 || attach(copy, tree, path) != 0) fail(EnterStep::mounts);
  close(copy);
}

int attached_root(int mount, int root, const char* name) {
  if (mkdirat(root, name, 0755) != 0 || attach(mount, root, name) != 0) fail(EnterStep::mounts);
  return mount;
}

void put(int directory, const char* name, const char* type, const char* const (*settings)[2]) {
  int mount = make_mount(type, settings, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (mount < 0 || attach(mount, directory, name) != 0) fail(EnterStep::device_files);
  close(mount);
}

// Group 5 is tty in every distribution; the whole range of ids is mapped.
void fill_dev(int dev) {
  constexpr const char* pts[][2] = {{"newinstance", nullptr},
                                    {"ptmxmode", "0666"},
                                    {"mode", "0620"},
                                    {"gid", "5"},
                                    {nullptr, nullptr}};
  constexpr const char* shm[][2] = {{"mode", "1777"}, {"size", "64m"}, {nullptr, nullptr}};
  put(dev, "pts", "devpts", pts);
  put(dev, "shm", "tmpfs", shm);
  put(dev, "mqueue", "mqueue", nullptr);
}

// A small tmpfs becomes the root, so that the host's mounts are gone before an instance exists.
int leave_host() {
  constexpr const char* parked[][2] = {{"mode", "0755"}, {"size", "64m"}, {nullptr, nullptr}};
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail(EnterStep::mounts);
  int root = make_mount("tmpfs", parked, harmless);
  if (root < 0 || attach(root, AT_FDCWD, "/tmp") != 0 || fchdir(root) != 0) fail(EnterStep::mounts);
  if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
    fail(EnterStep::mounts);
  return root;
}

}  // namespace

int make_proc() {
  int proc = make_mount("proc", nullptr, harmless);
  if (proc < 0) fail(EnterStep::process_files);
  return proc;
}

void unshare_namespaces() {
  // In one call the user namespace comes first and owns the others: a network namespace that it
  // does not own refuses ports below 1024. The control group is this process's own already.
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
              CLONE_NEWCGROUP) != 0)
    fail(EnterStep::namespaces);
}

Mounts prepare_mounts(int proc, int dev) {
  Mounts mounts;
  // Before leaving the host: a new sysfs needs one that is visible. Without it there is no /sys.
  int sys = make_mount("sysfs", nullptr, harmless | MOUNT_ATTR_RDONLY);
  int root = leave_host();
  mounts.proc = attached_root(proc, root, "proc");
  mounts.dev = attached_root(dev, root, "dev");
  fill_dev(dev);
  for (const char* path : masked_in_proc) mask(proc, path, dev);
  for (const char* path : frozen_in_proc) freeze(proc, path);
  if (sys >= 0) {
    mounts.sys = attached_root(sys, root, "sys");
    for (const char* path : masked_in_sys) mask(sys, path, dev);
  }
  if (mkdirat(root, "files", 0755) != 0) fail(EnterStep::mounts);
  mounts.files = openat(root, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (mounts.files < 0) fail(EnterStep::mounts);
  close(root);
  return mounts;
}

}  // namespace vireo::enter
