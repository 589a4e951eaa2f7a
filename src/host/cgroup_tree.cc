// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "host/cgroup.h"
#include "host/files.h"

namespace vireo {

namespace {

constexpr std::array<std::string_view, 5> wanted = {"cpu", "cpuacct", "memory", "pids", "freezer"};

struct CgroupMount {
  std::string root, point, type, options;
};

// "36 25 0:34 ROOT POINT OPTIONS [optional fields] - TYPE SOURCE SUPER_OPTIONS"
std::vector<CgroupMount> cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (std::string_view line : split(mountinfo, '\n')) {
    std::vector<std::string_view> words = split(line, ' ');
    auto dash = std::find(words.begin(), words.end(), "-");
    if (dash - words.begin() < 6 || words.end() - dash < 4) continue;
    if (!dash[1].starts_with("cgroup")) continue;
    mounts.push_back(
        {std::string(words[3]), std::string(words[4]), std::string(dash[1]), std::string(dash[3])});
  }
  return mounts;
}

// The directory of `path` in a hierarchy whose mounted part starts at mount.root.
std::string directory_in(const CgroupMount& mount, std::string_view path) {
  if (mount.root != "/" && path.starts_with(mount.root)) path.remove_prefix(mount.root.size());
  std::string directory = mount.point;
  if (path != "/" && !path.empty()) directory += path;
  return directory;
}

bool lists(std::string_view words, std::string_view word, char separator) {
  std::vector<std::string_view> parts = split(words, separator);
  return std::find(parts.begin(), parts.end(), word) != parts.end();
}

Result<void> make_group(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return system_error(fmt::format("cannot make control group {}", directory));
  return {};
}

bool enable_controllers(const std::string& directory) {
  return write_existing(directory + "/cgroup.subtree_control", "+cpu +memory +pids").has_value();
}

// v2 forbids processes beside child groups that have controllers. As a service with its own group
// we step aside into a child; where others live in the group too, ours goes below the mount's root.
Result<std::string> v2_parent(const CgroupController& own) {
  if (enable_controllers(own.directory)) return own.directory;
  std::string aside = own.directory + "/vireo-self";
  if (make_group(aside) && write_existing(aside + "/cgroup.procs", "0") &&
      enable_controllers(own.directory))
    return own.directory;
  if (write_existing(own.directory + "/cgroup.procs", "0")) ::rmdir(aside.c_str());
  if (enable_controllers(own.mount)) return own.mount;
  return Error{Errc::unsupported,
               fmt::format("no cgroup controllers can be enabled below {}: give the service "
                           "Delegate=yes, or --cgroup-root",
                           own.directory)};
}

bool v2_has_controllers(const std::string& directory) {
  std::string names = read_file(directory + "/cgroup.controllers").value_or({});
  while (!names.empty() && names.back() == '\n') names.pop_back();
  return lists(names, "memory", ' ') && lists(names, "pids", ' ');
}

}  // namespace

std::vector<CgroupController> cgroup_controllers(std::string_view self_cgroup,
                                                 std::string_view mountinfo) {
  std::vector<CgroupController> found;
  const std::vector<CgroupMount> mounts = cgroup_mounts(mountinfo);
  for (std::string_view line : split(self_cgroup, '\n')) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    std::string_view names = line.substr(first + 1, second - first - 1);
    std::string_view path = line.substr(second + 1);
    for (const CgroupMount& mount : mounts) {
      if (mount.type == "cgroup2" && names.empty())
        found.push_back({"", directory_in(mount, path), true, mount.point});
      if (mount.type != "cgroup") continue;
      for (std::string_view name : wanted)
        if (lists(names, name, ',') && lists(mount.options, name, ','))
          found.push_back({std::string(name), directory_in(mount, path), false, mount.point});
    }
  }
  return found;
}

Result<CgroupTree> CgroupTree::open(const std::string& name, const std::string& root) {
  CgroupTree tree;
  std::vector<CgroupController> own;
  if (!root.empty()) {
    own.push_back({"", root, true, root});
  } else {
    std::string self = TRY(read_file("/proc/self/cgroup"));
    std::string mounts = TRY(read_file("/proc/self/mountinfo"));
    own = cgroup_controllers(self, mounts);
  }
  for (const CgroupController& controller : own) {
    if (controller.v2 && !v2_has_controllers(controller.directory)) continue;  // hybrid
    if (controller.name == "freezer") {
      tree.freezer_ = fmt::format("{}/{}", controller.directory, name);
      continue;
    }
    std::string parent = controller.v2 ? TRY(v2_parent(controller)) : controller.directory;
    std::string directory = fmt::format("{}/{}", parent, name);
    TRY(make_group(directory));
    if (controller.v2 && !enable_controllers(directory))
      return system_error(fmt::format("cannot enable controllers in {}", directory));
    tree.roots_.push_back({controller.name, directory, controller.v2, controller.mount});
  }
  if (!tree.has("memory") || !tree.has("pids"))
    return Error{Errc::unsupported, "the cgroup controllers memory and pids are not available"};
  return tree;
}

Result<Cgroup> CgroupTree::create(const std::string& name) const {
  for (const CgroupController& root : roots_)
    TRY(make_group(fmt::format("{}/{}", root.directory, name)));
  return at(name);
}

Result<Cgroup> CgroupTree::create_limited(const std::string& name,
                                          const CgroupLimits& limits) const {
  if (!roots_.empty() && roots_[0].v2) TRY(create(name));
  Cgroup made = at(name);
  TRY(made.limit(limits));
  return made;
}

Cgroup CgroupTree::at(const std::string& name) const {
  std::vector<CgroupController> directories = roots_;
  for (CgroupController& each : directories) each.directory += "/" + name;
  return Cgroup(name, std::move(directories), freezer_.empty() ? "" : freezer_ + "/" + name);
}

std::vector<std::string> CgroupTree::list() const {
  std::vector<std::string> directories = {freezer_};
  for (const CgroupController& root : roots_) directories.push_back(root.directory);
  std::set<std::string> names;
  for (const std::string& directory : directories) {
    if (directory.empty() || !exists(directory)) continue;
    for (std::string& entry : list_directory(directory).value_or({})) {
      struct stat status {};
      std::string path = fmt::format("{}/{}", directory, entry);
      if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
        names.insert(std::move(entry));
    }
  }
  return {names.begin(), names.end()};
}

Result<void> CgroupTree::remove() const {
  for (const CgroupController& root : roots_)
    if (::rmdir(root.directory.c_str()) != 0 && errno != ENOENT)
      return system_error(fmt::format("cannot remove control group {}", root.directory));
  if (!freezer_.empty()) ::rmdir(freezer_.c_str());  // it is there since the first was frozen
  return {};
}

bool CgroupTree::has(std::string_view controller) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const CgroupController& root) {
    return root.v2 || root.name == controller;
  });
}

std::string CgroupTree::describe() const {
  if (!roots_.empty() && roots_[0].v2) return "cgroup v2";
  std::vector<std::string> names;
  for (const CgroupController& root : roots_) names.push_back(root.name);
  std::sort(names.begin(), names.end());
  return fmt::format("cgroup v1 ({})", fmt::join(names, " "));
}

}  // namespace vireo
