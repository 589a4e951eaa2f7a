// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "driver/container/plan/container_plan.h"

namespace vireo {

namespace {

std::string_view what(EnterStep step) {
  switch (step) {
    case EnterStep::namespaces:
      return "cannot make the namespaces";
    case EnterStep::identity:
      return "cannot become root of the user namespace";
    case EnterStep::mounts:
      return "cannot make the instance's own mounts";
    case EnterStep::root:
      return "cannot enter the root file system";
    case EnterStep::device_files:
      return "cannot mount /dev: the image's /dev must be a directory";
    case EnterStep::process_files:
      return "cannot mount /proc: the image's /proc must be a directory";
    case EnterStep::system_files:
      return "cannot mount /sys: the image's /sys must be a directory";
    case EnterStep::host_name:
      return "cannot set the host name";
    case EnterStep::limits:
      return "cannot set a resource limit";
    case EnterStep::groups:
      return "cannot change the user or its groups";
    case EnterStep::capabilities:
      return "cannot drop capabilities";
    case EnterStep::no_new_privileges:
      return "cannot forbid new privileges";
    case EnterStep::seccomp:
      return "cannot install the system call filter";
    case EnterStep::descriptors:
      return "cannot install the descriptors";
    case EnterStep::join:
      return "cannot enter the instance's namespaces";
    case EnterStep::terminal:
      return "cannot open a terminal of the instance";
    default:
      return "the parked process lost its order";
  }
}

}  // namespace

Error enter_error(const EnterReport& report, const EnterRequest& request) {
  auto path = [&](const std::vector<std::string>& paths) {
    return report.index < paths.size() ? paths[report.index] : std::string("?");
  };
  std::string task(what(report.step));
  if (report.step == EnterStep::execute)
    task = fmt::format("cannot run `{}`", request.process.arguments[0]);
  if (report.step == EnterStep::working_directory)
    task = fmt::format("cannot use working directory `{}`", request.process.working_directory);
  if (report.step == EnterStep::writable_path)
    task = fmt::format("cannot make `{}` writable", path(request.writable_paths));
  if (report.step == EnterStep::file && report.index < request.files.size())
    task = fmt::format("cannot put file `{}`", request.files[report.index].path);
  Error error = system_error(task, report.error_number);
  if (report.step == EnterStep::execute || report.step == EnterStep::working_directory)
    error.code = Errc::invalid;  // the image's or the descriptor's fault: trying again cannot help
  return error;
}

Result<std::string> relative_path(const std::string& path) {
  if (!path.starts_with('/'))
    return Error{Errc::invalid, fmt::format("`{}` is not an absolute path", path)};
  std::string relative;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error{Errc::invalid, fmt::format("`{}` climbs with `..`", path)};
    if (!relative.empty()) relative += '/';
    relative += part;
  }
  return relative;
}

Result<RootNeeds> root_needs(const InstanceSpec& spec) {
  RootNeeds needs{{"dev", "proc", "sys"}, {}};
  auto covered = [](const std::string& path) {
    return path.empty() || path.starts_with("proc/") || path.starts_with("dev/") ||
           path.starts_with("sys/");
  };
  std::string directory = TRY(
      relative_path(spec.process.working_directory.empty() ? "/" : spec.process.working_directory));
  if (!covered(directory)) needs.directories.push_back(directory);
  for (const std::string& path : spec.root.writable_paths) {
    std::string relative = TRY(relative_path(path));
    if (!covered(relative)) needs.directories.push_back(relative);
  }
  for (const FileContent& file : spec.files) {
    std::string relative = TRY(relative_path(file.path));
    if (relative.empty() || covered(relative))
      return Error{Errc::invalid, fmt::format("no file can be put at `{}`", file.path)};
    needs.files.push_back(relative);
  }
  return needs;
}

}  // namespace vireo
