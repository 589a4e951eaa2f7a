// SPDX-License-Identifier: Apache-2.0
#include "contract/kept_bench.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "host/cgroup.h"
#include "keeper/keeper_client.h"

namespace vireo {

KeptBench::KeptBench(TemporaryDirectory directory) : directory_(std::move(directory)) {
  static unsigned number = 0;
  cgroup_name_ = fmt::format("vireo-test-{}-{}", ::getpid(), ++number);
}

int KeptBench::keeper_pid() {
  auto client = KeeperClient::connect(path("run"), KEEPER_PROGRAM);
  return client ? (*client)->keeper_pid() : 0;
}

// A template stays for the starts to come.
static size_t own_fds() {
  size_t count = 0;
  for (const std::string& name : list_directory("/proc/self/fd").value_or({})) {
    char target[256] = {};
    (void)!::readlink(("/proc/self/fd/" + name).c_str(), target, sizeof target - 1);
    count += !std::string_view(target).starts_with("/memfd:vireo-template");
  }
  return count;
}

std::vector<std::string> KeptBench::census() {
  std::vector<std::string> lines;
  auto count = [&](const std::string& what, const std::string& directory) {
    lines.push_back(fmt::format("{} {}", list_directory(directory).value_or({}).size(), what));
  };
  lines.push_back(fmt::format("{} fds", own_fds()));
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
  // Which they are may change with the driver object, which brings a zygote of its own.
  lines.push_back(fmt::format("{} children of the keeper", std::ranges::count(children, ' ')));
  count("fds of the keeper", fmt::format("/proc/{}/fd", keeper));
  return lines;
}

void KeptBench::end_keeper() {
  if (auto client = KeeperClient::connect(path("run"), KEEPER_PROGRAM)) {
    Fd keeper(static_cast<int>(::syscall(SYS_pidfd_open, (*client)->keeper_pid(), 0)));
    client->reset();
    ::syscall(SYS_pidfd_send_signal, keeper.get(), SIGKILL, nullptr, 0);
    pollfd ended{keeper.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
  }
  auto tree = CgroupTree::open(cgroup_name());
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->remove());
}

}  // namespace vireo
