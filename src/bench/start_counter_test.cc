// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_counter.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

namespace vireo::bench {
namespace {

constexpr size_t calls = 1000, pages = 50, page_bytes = 4096;
constexpr size_t few = 100;  // more than waiting, mapping and ending take

// Works once it is let: so many system calls and page faults, then it waits for its end.
class Worker {
 public:
  enum class Made { at_once, by_zygote };
  explicit Worker(Made made = Made::at_once) {
    for (Pipe* each : {&begin_, &done_, &end_, &wanted_, &pids_})
      EXPECT_EQ(::pipe(each->data()), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (made == Made::by_zygote) make_another();
    work();
  }
  ~Worker() {
    give(begin_);  // whoever was never let to
    give(end_);
    ::waitpid(pid_, nullptr, 0);
    for (const Pipe* each : {&begin_, &done_, &end_, &wanted_, &pids_})
      for (const int end : *each) ::close(end);
  }
  // The zygote makes the worker, a child of its own parent, and ends.
  void make() {
    give(wanted_);
    pid_t made = 0;
    EXPECT_EQ(::read(pids_[0], &made, sizeof made), static_cast<ssize_t>(sizeof made));
    ::waitpid(std::exchange(pid_, made), nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  void run() const {
    give(begin_);
    await(done_);
  }

 private:
  using Pipe = std::array<int, 2>;
  static void give(const Pipe& pipe) { EXPECT_EQ(::write(pipe[1], "", 1), 1); }
  static void await(const Pipe& pipe) {
    char byte;
    EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
  }
  // Returns in the worker.
  void make_another() const {
    await(wanted_);
    const auto made = static_cast<pid_t>(
        ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (made == 0) return;
    EXPECT_EQ(::write(pids_[1], &made, sizeof made), static_cast<ssize_t>(sizeof made));
    ::_exit(0);
  }
  [[noreturn]] void work() const {
    await(begin_);
    for (size_t i = 0; i < calls; i++) ::syscall(SYS_getppid);
    auto* memory = static_cast<volatile char*>(::mmap(
        nullptr, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (size_t i = 0; i < pages; i++) memory[i * page_bytes] = 1;
    give(done_);
    await(end_);
    ::_exit(0);
  }

  Pipe begin_{}, done_{}, end_{}, wanted_{}, pids_{};
  pid_t pid_ = -1;
};

class StartCounterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // What it mounts is nobody else's.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr))
      GTEST_SKIP() << "not run: no mount namespace of one's own (it needs root)";
    if (auto possible = StartCounter::possible(); !possible)
      GTEST_SKIP() << "not run: " << possible.error().message;
  }
  static void expect_counted(const StartCounts& counts) {
    EXPECT_GE(counts.system_calls, calls);
    EXPECT_LT(counts.system_calls, calls + few);
    EXPECT_GE(counts.page_faults, pages);
    EXPECT_EQ(counts.vmm_exits, 0u);
  }
  // It may still be on its way to its first wait.
  static void expect_no_work(const StartCounts& counts) {
    EXPECT_LT(counts.system_calls, few);
    EXPECT_LT(counts.page_faults, pages);
  }
  const std::array<int, 1> parents_{::getpid()};
};

TEST_F(StartCounterTest, counts_who_was_there_before) {
  const Worker worker, idle;
  auto counter = StartCounter::begin(parents_);
  ASSERT_TRUE(counter) << counter.error().message;
  worker.run();
  counter->stop();
  expect_counted(counter->of(worker.pid()));
  expect_no_work(counter->of(idle.pid()));
}

TEST_F(StartCounterTest, counts_who_is_begun_meanwhile_and_not_the_parent) {
  auto counter = StartCounter::begin(parents_);
  ASSERT_TRUE(counter) << counter.error().message;
  const Worker worker;
  for (size_t i = 0; i < calls; i++) ::syscall(SYS_getppid);
  worker.run();
  counter->stop();
  expect_counted(counter->of(worker.pid()));
}

TEST_F(StartCounterTest, counts_who_is_begun_by_a_zygote) {
  Worker worker(Worker::Made::by_zygote);
  auto counter = StartCounter::begin(parents_);
  ASSERT_TRUE(counter) << counter.error().message;
  worker.make();
  worker.run();
  counter->stop();
  expect_counted(counter->of(worker.pid()));
}

TEST_F(StartCounterTest, what_comes_later_is_not_counted) {
  const Worker worker;
  auto counter = StartCounter::begin(parents_);
  ASSERT_TRUE(counter) << counter.error().message;
  counter->stop();
  worker.run();
  expect_no_work(counter->of(worker.pid()));
}

}  // namespace
}  // namespace vireo::bench
