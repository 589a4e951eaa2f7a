// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "contract/container_bench.h"

namespace vireo {

std::vector<std::string> ContainerBench::census() {
  std::vector<std::string> lines;
  auto count = [&](const std::string& what, const std::string& directory) {
    lines.push_back(fmt::format("{} {}", list_directory(directory).value_or({}).size(), what));
  };
  count("fds", "/proc/self/fd");
  count("roots", path("state/roots"));
  std::vector<std::string> logs = list_directory(path("log")).value_or({});
  std::erase_if(logs, [](const std::string& name) { return name.ends_with(".last.log"); });
  lines.push_back(fmt::format("{} logs", logs.size()));
  auto tree = CgroupTree::open(cgroup_name());
  lines.push_back(fmt::format("{} cgroups", tree ? tree->list().size() : 99));
  std::string mounts = read_file("/proc/self/mountinfo").value_or("");
  lines.push_back(fmt::format("{} mounts", std::count(mounts.begin(), mounts.end(), '\n')));
  const int keeper = keeper_pid();
  std::string children =
      read_file(fmt::format("/proc/{}/task/{}/children", keeper, keeper)).value_or("?");
  lines.push_back(fmt::format("children of the keeper: {}", children));
  count("fds of the keeper", fmt::format("/proc/{}/fd", keeper));
  return lines;
}

namespace {

INSTANTIATE_TEST_SUITE_P(Driver, DriverContract,
                         ::testing::Values(DriverBenchFactory{
                             "container",
                             [](std::string& skip) { return ContainerBench::make(skip); }}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace vireo
