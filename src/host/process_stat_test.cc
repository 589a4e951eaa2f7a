// SPDX-License-Identifier: Apache-2.0
#include "host/process_stat.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vireo {
namespace {

TEST(ProcessStat, tells_of_a_process_whatever_its_name) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NAME, ") R 1 (");
    ::raise(SIGSTOP);
    ::_exit(3);
  }
  const std::string directory = "/proc/" + std::to_string(child);
  ASSERT_EQ(::waitpid(child, nullptr, WUNTRACED), child);
  auto stopped = read_process_stat(directory);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->state, 'T');
  EXPECT_FALSE(stopped->exiting);
  EXPECT_FALSE(stopped->kernels_own);
  EXPECT_GT(stopped->minor_faults, 0u);

  ::kill(child, SIGCONT);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  auto zombie = read_process_stat(directory);
  ASSERT_TRUE(zombie);
  EXPECT_EQ(zombie->state, 'Z');
  EXPECT_TRUE(zombie->exiting);
  EXPECT_EQ(WEXITSTATUS(zombie->wait_status), 3);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(read_process_stat(directory));
}

}  // namespace
}  // namespace vireo
