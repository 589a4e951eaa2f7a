// SPDX-License-Identifier: Apache-2.0
#include "driver/container/mount_room.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>

#include "host/files.h"
#include "host/mount.h"

namespace vireo {

namespace {

struct Device {
  const char* name;
  unsigned major_number, minor_number;
};
constexpr std::array devices = {Device{"null", 1, 3},    Device{"zero", 1, 5},
                                Device{"full", 1, 7},    Device{"random", 1, 8},
                                Device{"urandom", 1, 9}, Device{"tty", 5, 0}};

struct Link {
  const char* name;
  const char* target;
};
constexpr std::array links = {Link{"ptmx", "pts/ptmx"}, Link{"fd", "/proc/self/fd"},
                              Link{"stdin", "/proc/self/fd/0"}, Link{"stdout", "/proc/self/fd/1"},
                              Link{"stderr", "/proc/self/fd/2"}};

Result<void> make_node(int directory, const Device& device) {
  dev_t number = makedev(device.major_number, device.minor_number);
  if (::mknodat(directory, device.name, S_IFCHR | 0666, number) != 0 ||
      ::fchmodat(directory, device.name, 0666, 0) != 0)
    return system_error(fmt::format("cannot make device file {}", device.name));
  return {};
}

// fsconfig(2) takes at most 255 bytes of text: short relative names, and so at most some 80 layers.
constexpr size_t longest_setting = 255;

std::string parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<MountRoom>> MountRoom::open(const std::string& place) {
  TRY(make_directories(place, 0700));
  std::unique_ptr<MountRoom> room(new MountRoom(place));
  TRY_IN("the container driver's own mounts",
         room->worker_.run<void>([&] { return room->move_in(); }));
  return room;
}

Result<void> MountRoom::move_in() {
  if (::unshare(CLONE_NEWNS | CLONE_FS) != 0) return system_error("cannot make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_error("cannot make mounts private");
  Fd room = TRY(make_mount("tmpfs", {{"mode", "0700"}}, {.read_only = false}));
  TRY(attach_mount(room, place_));
  workspace_ = std::move(room);
  return make_device_files();
}

Result<void> MountRoom::make_device_files() {
  // Devices work only on a file system that the host's root has made.
  Fd dev = TRY(make_mount("tmpfs", {{"mode", "0755"}, {"size", "64k"}},
                          {.read_only = false, .no_exec = true, .no_device = false}));
  for (const Device& device : devices) TRY(make_node(dev.get(), device));
  for (const Link& link : links)
    if (::symlinkat(link.target, dev.get(), link.name) != 0)
      return system_error(fmt::format("cannot make link {}", link.name));
  for (const char* directory : {"pts", "shm", "mqueue"})
    if (::mkdirat(dev.get(), directory, 0755) != 0)
      return system_error("cannot make a directory of /dev");
  if (::mkdirat(workspace_.get(), "dev", 0755) != 0)
    return system_error("cannot make a directory of /dev");
  return attach_mount(dev, place_ + "/dev");
}

Result<Fd> MountRoom::device_files() {
  return worker_.run<Fd>(
      [this] { return clone_mount(place_ + "/dev", {.no_exec = true, .no_device = false}); });
}

namespace {

// A directory with its parents, each owned by the instance's root.
Result<void> make_owned(const std::string& top, const std::string& relative, uint32_t owner) {
  for (size_t at = 0; at != std::string::npos && !relative.empty();) {
    at = relative.find('/', at + 1);
    std::string path = fmt::format("{}/{}", top, relative.substr(0, at));
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
      return system_error(fmt::format("cannot make directory {}", path));
    if (::chown(path.c_str(), owner, owner) != 0)
      return system_error(fmt::format("cannot change the owner of {}", path));
  }
  return {};
}

// The rights of a directory that the image has too are the image's.
void copy_rights(size_t layers, const std::string& relative) {
  for (size_t layer = layers; layer-- > 0;) {
    struct stat status {};
    std::string path = fmt::format("{}/{}", layer, relative);
    if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    std::string made = fmt::format("t/{}", relative);
    if (::chown(made.c_str(), status.st_uid, status.st_gid) == 0)
      (void)::chmod(made.c_str(), status.st_mode & 07777);
    return;
  }
}

Result<void> fill_top(const MountRoom::Overlay& parts) {
  for (const std::string& directory : parts.top.directories)
    TRY(make_owned("t", directory, parts.owner));
  for (const std::string& file : parts.top.files) {
    TRY(make_owned("t", parent_of(file), parts.owner));
    Fd made = TRY(open_path("t/" + file, O_WRONLY | O_CREAT | O_EXCL, 0644));
    if (::fchown(made.get(), parts.owner, parts.owner) != 0)
      return system_error("cannot change the owner of a file");
  }
  std::vector<std::string> made = parts.top.directories;
  for (const std::string& file : parts.top.files) made.push_back(parent_of(file));
  for (std::string path : made)
    for (; !path.empty(); path = parent_of(path)) copy_rights(parts.layers.size(), path);
  copy_rights(parts.layers.size(), "");
  return {};
}

Result<void> prepare_upper(const MountRoom::Overlay& parts) {
  for (const char* part : {"upper", "work"}) {
    std::string path = fmt::format("{}/{}", parts.upper, part);
    TRY(make_directories(path));
    if (::chown(path.c_str(), parts.owner, parts.owner) != 0)
      return system_error(fmt::format("cannot change the owner of {}", path));
  }
  return {};
}

}  // namespace

// The calling thread's working directory is the place: names of layers stay short.
Result<Fd> MountRoom::make_overlay(const Overlay& parts, const std::string& place) {
  if (::mkdir(place.c_str(), 0755) != 0 || ::chdir(place.c_str()) != 0)
    return system_error("cannot make a place for an overlay");
  std::string lower;
  for (size_t i = parts.layers.size(); i-- > 0;) {
    std::string name = fmt::format("{}", i);
    if (::mkdir(name.c_str(), 0755) != 0) return system_error("cannot make a layer's place");
    TRY(attach_mount(parts.layers[i], name));
    lower += (lower.empty() ? "" : ":") + name;
  }
  if (!parts.top.directories.empty() || !parts.top.files.empty() || parts.layers.size() == 1) {
    std::string owner = fmt::format("{}", parts.owner);
    Fd top = TRY(make_mount("tmpfs", {{"mode", "0755"}, {"uid", owner}, {"gid", owner}},
                            {.read_only = false}));
    if (::mkdir("t", 0755) != 0) return system_error("cannot make a layer's place");
    TRY(attach_mount(top, "t"));
    TRY(fill_top(parts));
    lower = "t:" + lower;
  }
  if (lower.size() > longest_setting)
    return Error{Errc::unsupported, "the image has more layers than one overlay takes"};
  std::vector<std::pair<std::string, std::string>> settings = {{"lowerdir", lower}};
  if (!parts.upper.empty()) {
    TRY(prepare_upper(parts));
    settings.emplace_back("upperdir", parts.upper + "/upper");
    settings.emplace_back("workdir", parts.upper + "/work");
  }
  return make_mount("overlay", settings, {.read_only = parts.upper.empty()});
}

Result<Fd> MountRoom::overlay(Overlay parts) {
  std::string place;
  auto made = worker_.run<Fd>([&] {
    place = fmt::format("{}/o{}", place_, next_++);
    return make_overlay(parts, place);
  });
  // The overlay has its own references: the places go, while nobody waits for the kernel.
  worker_.post([place] {
    if (::chdir("/") != 0) return;
    for (const std::string& name : list_directory(place).value_or({}))
      ::umount2(fmt::format("{}/{}", place, name).c_str(), MNT_DETACH);
    (void)remove_tree(place);
  });
  return made;
}

}  // namespace vireo
