// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "host/files.h"

namespace vireo {
namespace {

constexpr const char* v1_mounts =
    "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "38 30 0:35 /pod /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n"
    "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(Cgroup, finds_each_v1_controller_at_its_own_path) {
  auto found = cgroup_controllers("4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/pod/x\n1:name=systemd:/",
                                  v1_mounts);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].directory, "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(found[1].name, "cpu");
  EXPECT_EQ(found[1].directory, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found[2].name, "cpuacct");
  EXPECT_EQ(found[3].directory, "/sys/fs/cgroup/pids/x");
}

TEST(Cgroup, finds_v2) {
  auto found = cgroup_controllers("0::/system.slice/vireod.service\n",
                                  "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].v2);
  EXPECT_EQ(found[0].directory, "/sys/fs/cgroup/system.slice/vireod.service");
}

TEST(Cgroup, ignores_broken_lines) {
  EXPECT_TRUE(cgroup_controllers("nonsense\n::\n4:memory", "1 2 3\n- -\n").empty());
}

// A child that waits until its standard input ends, or counts for ever in `counted`.
struct Child {
  int pid = -1;
  int hold = -1;
  explicit Child(const Cgroup& group, volatile uint64_t* counted = nullptr) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    hold = ends[1];
    auto files = group.task_files();
    EXPECT_TRUE(files);
    auto directory = group.directory();  // version 2
    EXPECT_TRUE(directory);
    pid = ::fork();
    if (pid != 0) {
      ::close(ends[0]);
      return;
    }
    for (const Fd& file : *files)
      if (::write(file.get(), "0", 1) != 1) ::_exit(2);
    if (*directory) {
      const Fd procs(::openat(directory->get(), "cgroup.procs", O_WRONLY));
      if (::write(procs.get(), "0", 1) != 1) ::_exit(2);
    }
    while (counted != nullptr) *counted = *counted + 1;
    char byte;
    ::close(ends[1]);
    ::_exit(::read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
};

TEST(Cgroup, limits_counts_kills_and_leaves_nothing) {
  auto tree = CgroupTree::open("vireo-cgroup-test-" + std::to_string(::getpid()));
  if (!tree && tree.error().code == Errc::denied) GTEST_SKIP() << tree.error().message;
  ASSERT_TRUE(tree) << tree.error().message;
  auto group = tree->create("one");
  ASSERT_TRUE(group) << group.error().message;
  auto set = group->limit({.memory = 64u << 20, .cpus = 0.5, .pids = 7});
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_TRUE(group->limit({.memory = 128u << 20, .cpus = 0, .pids = 9}));
  ASSERT_TRUE(group->limit({.memory = 32u << 20, .cpus = 1.5, .pids = 0}));
  if (tree->describe().starts_with("cgroup v1")) {
    Child child(*group);
    while (group->processes().empty()) ::sched_yield();
    EXPECT_EQ(group->processes(), std::vector<int>{child.pid});
    EXPECT_EQ(group->usage().pids, 1u);
    group->kill();
    int status = 0;
    EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    EXPECT_TRUE(WIFSIGNALED(status));
    ::close(child.hold);
  }
  EXPECT_EQ(tree->list(), std::vector<std::string>{"one"});
  auto removed = group->remove();
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(group->remove());  // again: success
  EXPECT_TRUE(tree->list().empty());
  EXPECT_TRUE(tree->remove());
}

std::string path_of(const Fd& file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  return {path, length > 0 ? static_cast<size_t>(length) : 0};
}

// Whether the process is in the group, by the hierarchy of version 1.
bool is_in(int pid, const std::string& controller, const std::string& group) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/cgroup").value_or("");
  for (std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> words = split(line, ':');
    if (words.size() == 3 && words[1] == controller) return words[2].ends_with("/" + group);
  }
  return false;
}

TEST(Cgroup, a_limited_group_is_only_where_something_is_limited) {
  auto tree = CgroupTree::open("vireo-cgroup-test-" + std::to_string(::getpid()));
  if (!tree && tree.error().code == Errc::denied) GTEST_SKIP() << tree.error().message;
  ASSERT_TRUE(tree) << tree.error().message;
  auto group = tree->create_limited("few", {.pids = 7});
  ASSERT_TRUE(group) << group.error().message;
  if (tree->describe().starts_with("cgroup v1")) {
    Child child(*group);
    while (group->processes().empty()) ::sched_yield();
    EXPECT_TRUE(is_in(child.pid, "pids", "few"));
    auto files = group->task_files();
    ASSERT_TRUE(files && files->size() == 1);
    EXPECT_TRUE(path_of(files->front()).ends_with("/few/tasks"));  // no wait, as with cgroup.procs
    EXPECT_FALSE(is_in(child.pid, "memory", "few"));
    EXPECT_GT(group->usage().memory, 0u);
    EXPECT_GT(group->usage().cpu_ns, 0u);
    ASSERT_TRUE(group->limit({.memory = 64u << 20, .pids = 7}));
    ASSERT_TRUE(group->join());
    EXPECT_TRUE(is_in(child.pid, "memory", "few"));
    EXPECT_FALSE(is_in(child.pid, "cpu", "few"));
    EXPECT_EQ(group->processes(), std::vector<int>{child.pid});
    group->kill();
    EXPECT_EQ(::waitpid(child.pid, nullptr, 0), child.pid);
    ::close(child.hold);
  }
  EXPECT_EQ(tree->list(), std::vector<std::string>{"few"});
  EXPECT_TRUE(group->remove());
  EXPECT_TRUE(tree->list().empty());
  EXPECT_TRUE(tree->remove());
}

class Freezer : public testing::Test {
 protected:
  void SetUp() override {
    auto tree = CgroupTree::open("vireo-freezer-test-" + std::to_string(::getpid()));
    if (!tree && tree.error().code == Errc::denied) GTEST_SKIP() << tree.error().message;
    ASSERT_TRUE(tree) << tree.error().message;
    tree_ = *std::move(tree);
    group_ = *tree_.create("one");
    counted_ = static_cast<volatile uint64_t*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  void TearDown() override {
    if (counted_ == nullptr) return;
    ::munmap(const_cast<uint64_t*>(counted_), 4096);
    EXPECT_TRUE(group_.remove());
    EXPECT_TRUE(tree_.list().empty());
    EXPECT_TRUE(tree_.remove());
  }
  void wait_for_count() const {
    for (const uint64_t before = *counted_; *counted_ == before;) ::sched_yield();
  }
  int status_of(const Child& child) const {
    int status = 0;
    EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    ::close(child.hold);
    return status;
  }
  CgroupTree tree_;
  Cgroup group_;
  volatile uint64_t* counted_ = nullptr;
};

TEST_F(Freezer, who_is_frozen_counts_no_further_until_thawed) {
  const Child child(group_, counted_);
  wait_for_count();
  EXPECT_FALSE(group_.frozen());
  EXPECT_TRUE(group_.thaw());
  for (int round = 0; round < 3; round++) {
    auto frozen = group_.freeze();
    ASSERT_TRUE(frozen) << frozen.error().message;
    EXPECT_TRUE(group_.freeze());  // again: success
    EXPECT_TRUE(tree_.at("one").frozen());
    const uint64_t counted = *counted_, used = group_.usage().cpu_ns;
    for (int turn = 0; turn < 1000; turn++) ::sched_yield();
    EXPECT_EQ(*counted_, counted);
    EXPECT_EQ(group_.usage().cpu_ns, used);
    ASSERT_TRUE(group_.thaw());
    EXPECT_FALSE(group_.frozen());
    wait_for_count();
  }
  group_.kill();
  EXPECT_TRUE(WIFSIGNALED(status_of(child)));
}

TEST_F(Freezer, who_is_frozen_can_be_killed) {
  const Child child(group_, counted_);
  wait_for_count();
  ASSERT_TRUE(group_.freeze());
  group_.kill();
  EXPECT_EQ(WTERMSIG(status_of(child)), SIGKILL);
}

TEST_F(Freezer, a_frozen_group_is_removed) {
  const Child child(group_, counted_);
  wait_for_count();
  ASSERT_TRUE(group_.freeze());
  std::thread reaper([&] { EXPECT_EQ(WTERMSIG(status_of(child)), SIGKILL); });
  EXPECT_TRUE(group_.remove());
  reaper.join();
}

}  // namespace
}  // namespace vireo
