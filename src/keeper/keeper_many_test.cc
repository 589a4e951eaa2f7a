// SPDX-License-Identifier: Apache-2.0
// More entries than one process has descriptors for: keepers beside the first.
#include <sys/resource.h>

#include <algorithm>

#include "keeper/keeper_fixture.h"

namespace vireo {
namespace {

class ManyKeepers : public KeeperTest {
 protected:
  // Room for a handful of entries beside the launch pad. Root alone may lower it for another
  // process.
  static void limit(int pid) {
    const rlimit few{440, 440};
    ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &few, nullptr), 0);
  }
  SpawnRequest entry(int number) {
    SpawnRequest request = shell("e" + std::to_string(number), "exec sleep 100");
    request.log_file = path() + "/log";
    request.hold = {0, 0};
    return request;
  }
  // Until a second keeper has taken one; how many entries there are then.
  int fill() {
    limit(client_->keeper_pid());
    for (int number = 0; number < 100; ++number) {
      auto spawned = client_->spawn(entry(number));
      EXPECT_TRUE(spawned) << spawned.error().message;
      if (spawned && number == 0) first_ = std::move(spawned->pidfd);
      if (!spawned || client_->keeper_pids().size() > 1) return number + 1;
    }
    return 0;
  }
  static int parent_of(int pid) {  // proc_pid_stat(5): the second word behind the name
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat").value_or(") ? 0");
    return std::stoi(stat.substr(stat.rfind(')') + 4));
  }
  static std::vector<std::string> names_of(KeeperClient& client) {
    std::vector<std::string> names;
    auto entries = client.list();
    EXPECT_TRUE(entries) << entries.error().message;
    if (entries)
      for (const KeeperEntry& each : *entries) names.push_back(each.name);
    std::ranges::sort(names);
    return names;
  }
  Fd first_;  // the process of e0
};

TEST_F(ManyKeepers, what_one_has_no_room_for_the_next_takes) {
  const int count = fill();
  ASSERT_GT(count, 4);
  const std::string last = "e" + std::to_string(count - 1);
  EXPECT_EQ(client_->keeper_pids().size(), 2U);
  EXPECT_EQ(names_of(*client_).size(), static_cast<size_t>(count));

  TestPipe pipe;
  ASSERT_TRUE(client_->hold(last, "new", {pipe.write.get()}));
  auto taken = client_->take(last);
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->size(), 3U) << "it is asked where it is";
  ASSERT_TRUE(client_->signal(last, SIGTERM));
  const KeeperClient::Event event = next_event(*client_);
  EXPECT_EQ(event.name, last);
  EXPECT_EQ(WTERMSIG(event.wait_status), SIGTERM);
}

TEST_F(ManyKeepers, a_daemon_that_comes_later_finds_all_of_them) {
  fill();
  const auto names = names_of(*client_);
  const auto pids = client_->keeper_pids();
  client_ = connect();
  ASSERT_TRUE(client_);
  EXPECT_EQ(client_->keeper_pids(), pids);
  EXPECT_EQ(names_of(*client_), names);
  ASSERT_TRUE(client_->signal(names.back(), SIGKILL));
  EXPECT_EQ(next_event(*client_).name, names.back());
}

TEST_F(ManyKeepers, room_that_was_given_back_is_taken_first) {
  fill();
  ASSERT_TRUE(client_->drop("e0"));
  ASSERT_TRUE(wait_readable(first_.get()));
  ASSERT_TRUE(client_->settle());
  auto spawned = client_->spawn(entry(1000));
  ASSERT_TRUE(spawned) << spawned.error().message;
  EXPECT_EQ(parent_of(spawned->pid), client_->keeper_pid());
}

TEST_F(ManyKeepers, the_end_of_one_leaves_what_the_other_has) {
  const int count = fill();
  const std::string last = "e" + std::to_string(count - 1);
  kill_and_wait(pidfd_of(client_->keeper_pids().back()));
  EXPECT_EQ(next_event(*client_).name, "");
  EXPECT_EQ(client_->list().error().code, Errc::unavailable);
  EXPECT_EQ(client_->signal("e0", SIGTERM).error().code, Errc::unavailable);
  client_ = connect();
  ASSERT_TRUE(client_);
  const auto names = names_of(*client_);
  EXPECT_EQ(names.size(), static_cast<size_t>(count) - 1);
  EXPECT_EQ(std::ranges::count(names, last), 0);
  ASSERT_TRUE(client_->spawn(entry(1000))) << "another takes its place";
}

TEST_F(ManyKeepers, all_of_them_end_when_they_hold_nothing) {
  fill();
  for (const std::string& name : names_of(*client_)) ASSERT_TRUE(client_->drop(name));
  std::vector<Fd> keepers;
  for (int pid : client_->keeper_pids()) keepers.push_back(pidfd_of(pid));
  ASSERT_EQ(keepers.size(), 2U);
  ASSERT_TRUE(client_->retire());
  client_.reset();
  for (const Fd& keeper : keepers) EXPECT_TRUE(wait_readable(keeper.get()));
  for (const char* name : {"/keeper", "/keeper-1"}) EXPECT_FALSE(exists(path() + name));
}

}  // namespace
}  // namespace vireo
