// SPDX-License-Identifier: Apache-2.0
#include "host/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

namespace vireo {
namespace {

using namespace std::chrono_literals;

ChildCommand shell(const std::string& script) {
  ChildCommand command;
  command.program = "sh";
  command.arguments = {"sh", "-c", script};
  return command;
}

TEST(ChildProcess, gives_the_status_again_and_again) {
  auto child = ChildProcess::start(shell("exit 5"));
  ASSERT_TRUE(child);
  EXPECT_EQ(WEXITSTATUS(*child->wait(20s)), 5);
  EXPECT_EQ(WEXITSTATUS(*child->wait(0s)), 5);
  EXPECT_TRUE(child->signal(SIGTERM));
}

TEST(ChildProcess, is_killed_and_reaped_by_its_destructor) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::start(shell("sleep 100"));
    ASSERT_TRUE(child);
    pid = child->pid();
    EXPECT_EQ(child->wait(0ms).error().code, Errc::timed_out);
    ChildProcess moved = std::move(*child);
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), -1) << "it was reaped";
}

TEST(ChildProcess, lives_on_when_detached) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::start(shell("sleep 100"));
    ASSERT_TRUE(child);
    pid = child->pid();
    child->detach();
  }
  EXPECT_EQ(::kill(pid, 0), 0);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(ChildProcess, gets_signals_and_tells_its_end) {
  auto child = ChildProcess::start(shell("sleep 100"));
  ASSERT_TRUE(child);
  EXPECT_TRUE(child->signal(SIGTERM));
  const int status = *child->wait(20s);
  EXPECT_EQ(wait_status_text(status), "killed by signal 15 (Terminated)");
}

TEST(ChildProcess, says_why_it_cannot_be_executed) {
  ChildCommand command;
  command.program = "/no/such/program";
  command.arguments = {"x"};
  const Error error = ChildProcess::start(command).error();
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_EQ(error.message, "cannot execute /no/such/program: No such file or directory");
}

TEST(RunProgram, gives_both_outputs_and_no_stray_descriptor) {
  int stray[2];
  ASSERT_EQ(::pipe(stray), 0);  // not close-on-exec
  auto finished = run_program(shell("echo out; echo err >&2; ls /proc/$$/fd; true"), 20s);
  ::close(stray[0]);
  ::close(stray[1]);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_TRUE(finished->ok());
  EXPECT_EQ(finished->output, "out\n0\n1\n2\n");
  EXPECT_EQ(finished->error, "err\n");
}

TEST(RunProgram, places_descriptors_and_sets_the_environment) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read(ends[0]), write(ends[1]);
  ChildCommand command = shell(
      "echo $A-$HOME; echo hello >&4; test $$ = $(cut -d' ' -f6 "
      "/proc/self/stat) && echo session");
  command.environment = {"A=1"};
  command.fds = {read.get(), write.get()};
  command.new_session = true;
  auto finished = run_program(command, 20s);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->output, "1-\nsession\n");
  char text[6] = {};
  EXPECT_EQ(::read(read.get(), text, 6), 6);
  EXPECT_EQ(std::string(text, 6), "hello\n");
}

TEST(RunProgram, ends_a_program_that_takes_too_long) {
  EXPECT_EQ(run_program(shell("sleep 100"), 10ms).error().code, Errc::timed_out);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
}

TEST(RunProgram, bounds_what_it_keeps) {
  auto finished = run_program(shell("head -c 3000000 /dev/zero"), 20s);
  ASSERT_TRUE(finished && finished->ok());
  EXPECT_LE(finished->output.size(), (1U << 20) + 8192);
}

}  // namespace
}  // namespace vireo
