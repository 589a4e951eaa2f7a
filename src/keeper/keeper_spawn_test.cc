// SPDX-License-Identifier: Apache-2.0
// How a spawned process begins: descriptors, namespaces, control groups, failures by step.
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host/namespace.h"
#include "keeper/keeper_fixture.h"

namespace vireo {
namespace {

ino_t inode_of(const Fd& fd) {
  struct stat facts {};
  EXPECT_EQ(::fstat(fd.get(), &facts), 0);
  return facts.st_ino;
}

TEST_F(KeeperTest, a_process_has_exactly_the_descriptors_it_was_given) {
  TestPipe pipe;
  // Stopped by itself: a process that begins or goes on opens files of its own for a moment.
  SpawnRequest request = shell("fds", "echo ready >&3; kill -STOP $$");
  request.fds = {pipe.write.get()};
  auto spawned = client_->spawn(request);
  ASSERT_TRUE(spawned) << spawned.error().message;
  char said[16] = {};
  ASSERT_EQ(::read(pipe.read.get(), said, sizeof said), 6);
  const std::string process = "/proc/" + std::to_string(spawned->pid), folder = process + "/fd/";
  // The shell has put back what it saved for its output (10) when it has stopped.
  const auto stopped = [&] {
    return read_file(process + "/stat").value_or("").find(") T ") != std::string::npos;
  };
  for (int i = 0; i < 20'000 && !stopped(); ++i) ::usleep(1000);
  ASSERT_TRUE(stopped());
  EXPECT_EQ(*list_directory(folder), (std::vector<std::string>{"0", "1", "2", "3"}));
  for (const char* standard : {"0", "1", "2"}) {
    char target[64] = {};
    ASSERT_GT(::readlink((folder + standard).c_str(), target, sizeof target - 1), 0);
    EXPECT_STREQ(target, "/dev/null");
  }
}

TEST_F(KeeperTest, descriptors_arrive_in_their_order) {
  std::vector<TestPipe> pipes(5);
  SpawnRequest request =
      shell("order", "echo 3 >&3; echo 4 >&4; echo 5 >&5; echo 6 >&6; echo 7 >&7");
  for (TestPipe& pipe : pipes) request.fds.push_back(pipe.write.get());
  ASSERT_TRUE(client_->spawn(request));
  for (size_t i = 0; i < pipes.size(); ++i) {
    pipes[i].write = Fd();
    EXPECT_EQ(read_all(pipes[i].read), std::to_string(i + 3) + "\n");
  }
}

TEST_F(KeeperTest, a_process_begins_clean) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  EXPECT_EQ(output_of(shell("clean",
                            "exec >&3; grep -E 'Sig(Blk|Ign)' /proc/self/status; ulimit -n;"
                            "cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo own session; pwd")),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" +
                std::to_string(files.rlim_cur) + "\nown session\n/\n");
}

TEST_F(KeeperTest, new_namespaces_and_all_capabilities_in_an_own_user_namespace) {
  SpawnRequest request = shell("user", "echo $$ >&3; grep CapEff /proc/self/status >&3");
  request.clone_flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET;
  const std::string output = output_of(request);
  EXPECT_TRUE(output.starts_with("1\nCapEff:\t000001ff")) << output;
}

TEST_F(KeeperTest, joins_namespaces_first_and_makes_new_ones_inside) {
  TestPipe hold;  // keeps the owner of the user namespace alive until it is closed
  SpawnRequest owner = shell("owner", "read x <&3");
  owner.clone_flags = CLONE_NEWUSER | CLONE_NEWPID;
  owner.fds = {hold.read.get()};
  auto spawned = client_->spawn(owner);
  ASSERT_TRUE(spawned) << spawned.error().message;
  auto user = namespace_of(spawned->pid, "user");
  auto pids = namespace_of(spawned->pid, "pid");
  auto network = new_network_namespace();
  ASSERT_TRUE(user && pids && network);

  TestPipe second;
  SpawnRequest joiner = shell("joiner", "read x <&3");
  joiner.join_namespaces = {network->get(), pids->get(), user->get()};
  joiner.clone_flags = CLONE_NEWUTS;
  joiner.fds = {second.read.get()};
  auto joined = client_->spawn(joiner);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ(inode_of(*namespace_of(joined->pid, "net")), inode_of(*network));
  EXPECT_EQ(inode_of(*namespace_of(joined->pid, "pid")), inode_of(*pids));
  EXPECT_EQ(inode_of(*namespace_of(joined->pid, "user")), inode_of(*user));
  auto made = namespace_of(joined->pid, "uts");
  ASSERT_TRUE(made);
  EXPECT_NE(inode_of(*made), inode_of(*namespace_of(::getpid(), "uts")));
  const Fd its_owner(::ioctl(made->get(), NS_GET_USERNS));
  EXPECT_EQ(inode_of(its_owner), inode_of(*user)) << "made inside the joined user namespace";

  hold.write = Fd();
  second.write = Fd();
  EXPECT_TRUE(wait_readable(spawned->pidfd.get()));
  EXPECT_TRUE(wait_readable(joined->pidfd.get())) << "the keeper is the parent of both";
}

TEST_F(KeeperTest, is_born_in_its_control_group) {
  const std::string root =
      exists("/sys/fs/cgroup/cgroup.procs") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
  if (!exists(root + "/cgroup.procs")) GTEST_SKIP() << "no cgroup v2 hierarchy is mounted";
  const std::string group = root + "/vireo-keeper-test-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(group.c_str(), 0755), 0);
  const std::string name = group.substr(root.size());
  const Fd folder(::open(group.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  const Fd procs(::open((group + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));

  SpawnRequest born = shell("born", "grep ^0:: /proc/self/cgroup >&3");
  born.cgroup = folder.get();
  EXPECT_EQ(output_of(born), "0::" + name + "\n");
  SpawnRequest moved = shell("moved", "grep ^0:: /proc/self/cgroup >&3");
  moved.cgroup_tasks = {procs.get()};
  EXPECT_EQ(output_of(moved), "0::" + name + "\n");

  for (int ended = 0; ended < 2;) {
    ASSERT_TRUE(wait_readable(client_->event_fd()));
    ended += static_cast<int>(client_->take_events().size());
  }
  EXPECT_EQ(::rmdir(group.c_str()), 0) << "nothing is left in it";
}

TEST_F(KeeperTest, a_failure_names_its_step_and_leaves_nothing) {
  TestPipe pipe;
  auto text = sealed_memory("text", "no program");
  ASSERT_TRUE(text);
  const size_t before = fds_of_keeper();
  const auto failure = [&](const SpawnRequest& request) {
    auto spawned = client_->spawn(request);
    EXPECT_FALSE(spawned);
    return spawned ? Error{} : spawned.error();
  };
  SpawnRequest request = shell("web", "exit 0");
  request.executable = text->get();
  EXPECT_EQ(failure(request).message, "spawn web: cannot execute the program: Exec format error");
  request = shell("web", "exit 0");
  request.executable = -1;
  EXPECT_EQ(failure(request).code, Errc::invalid);
  request = shell("web", "exit 0");
  request.join_namespaces = {pipe.read.get()};
  EXPECT_TRUE(failure(request).message.starts_with("spawn web: cannot join a namespace: "));
  request = shell("web", "exit 0");
  request.cgroup_tasks = {pipe.read.get()};
  EXPECT_TRUE(failure(request).message.starts_with("spawn web: cannot join a control group: "));
  request = shell("web", "exit 0");
  request.cgroup = pipe.read.get();
  EXPECT_TRUE(failure(request).message.starts_with("spawn web: cannot clone the process: "));
  request.cgroup = -1;
  request.clone_flags = CLONE_NEWTIME;
  EXPECT_EQ(failure(request).code, Errc::invalid) << "a time namespace";
  request.clone_flags = CLONE_THREAD;
  EXPECT_EQ(failure(request).code, Errc::invalid);
  request.clone_flags = 0;
  request.log_file = path() + "/absent/log";
  EXPECT_TRUE(failure(request).message.starts_with("spawn web: cannot open the log: No such"));

  EXPECT_TRUE(client_->list()->empty());
  EXPECT_EQ(fds_of_keeper(), before);
  const std::string keeper = std::to_string(client_->keeper_pid());
  EXPECT_EQ(*read_file("/proc/" + keeper + "/task/" + keeper + "/children"), "") << "no zombies";
}

TEST_F(KeeperTest, refuses_a_name_that_is_taken_and_sizes_over_the_limits) {
  ASSERT_TRUE(client_->spawn(shell("web", "exit 0")));
  EXPECT_EQ(client_->spawn(shell("web", "exit 0")).error().code, Errc::conflict);
  EXPECT_EQ(client_->spawn(shell("", "exit 0")).error().code, Errc::invalid);
  EXPECT_EQ(client_->spawn(shell("long", std::string(70'000, ' '))).error().code, Errc::invalid);
  SpawnRequest request = shell("many", "exit 0");
  request.fds.assign(300, 0);
  EXPECT_EQ(client_->spawn(request).error().code, Errc::invalid);
}

TEST_F(KeeperTest, needs_three_descriptors_for_a_process_with_a_log_and_none_after_it) {
  const size_t before = fds_of_keeper();
  SpawnRequest request = shell("web", "sleep 100");
  request.log_file = path() + "/log";
  ASSERT_TRUE(client_->spawn(request));
  // A spawn is answered before the keeper has closed what came with it, the next request after.
  ASSERT_TRUE(client_->list());
  EXPECT_EQ(fds_of_keeper(), before + 3);
  ASSERT_TRUE(client_->signal("web", SIGKILL));
  next_event(*client_);
  ASSERT_TRUE(client_->drop("web"));
  EXPECT_TRUE(client_->list()->empty());
  EXPECT_EQ(fds_of_keeper(), before);
}

// Else each start would take as long as the keeper holds much: FDSize is the table's own size
// (proc_pid_status(5)), which an exec keeps.
TEST_F(KeeperTest, a_process_gets_no_copy_of_what_the_keeper_holds) {
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(client_->hold("many" + std::to_string(i), "", std::vector<int>(100, 0)));
  auto spawned = client_->spawn(shell("web", "exec sleep 100"));
  ASSERT_TRUE(spawned) << spawned.error().message;
  EXPECT_GT(fds_of_keeper(), 2000U);
  const std::string status =
      read_file("/proc/" + std::to_string(spawned->pid) + "/status").value_or("");
  const size_t at = status.find("FDSize:\t");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LE(std::stoi(status.substr(at + 8)), 512);
}

// A descriptor table that is full fails requests and does not end the keeper.
TEST_F(KeeperTest, tells_when_its_descriptor_table_is_full) {
  const pid_t keeper = client_->keeper_pid();
  const rlimit few{fds_of_keeper() + 4, 20'000};
  ASSERT_EQ(::prlimit(keeper, RLIMIT_NOFILE, &few, nullptr), 0);
  ASSERT_TRUE(client_->hold("port", "", std::vector<int>(20, 0)));
  EXPECT_EQ(client_->take("port").error().code, Errc::exhausted);
  ASSERT_TRUE(client_->drop("port"));
  const rlimit many{20'000, 20'000};
  ASSERT_EQ(::prlimit(keeper, RLIMIT_NOFILE, &many, nullptr), 0);
  EXPECT_TRUE(client_->spawn(shell("web", "exit 0")));
}

}  // namespace
}  // namespace vireo
