// SPDX-License-Identifier: Apache-2.0
#include "image/unpack_process.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstring>

#include "image/tree.h"

namespace vireo {
namespace {

constexpr size_t largest_report = 64u << 20;

// Above the numbers that the child's own descriptors take, so that no dup2 overwrites a source.
Result<Fd> lifted(const Fd& fd) {
  int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10);
  if (copy < 0) return system_error("cannot duplicate a descriptor");
  return Fd(copy);
}

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Result<void> give(const Fd& fd, int number) {
    if (!fd) {
      if (number < 3) ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_RDWR, 0);
      return {};
    }
    kept_.push_back(TRY(lifted(fd)));
    ::posix_spawn_file_actions_adddup2(&actions_, kept_.back().get(), number);
    return {};
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<Fd> kept_;
};

std::string ending(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return "it made a forbidden system call";
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  return fmt::format("it ended with code {}", WEXITSTATUS(status));
}

}  // namespace

Result<UnpackProcess> UnpackProcess::start(std::vector<std::string> arguments, const Fd& in,
                                           const Fd& out, const Fd& directory) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  Fd report(ends[0]);
  Fd report_end(ends[1]);
  FileActions actions;
  TRY(actions.give(in, 0));
  TRY(actions.give(out, 1));
  TRY(actions.give(directory, 3));
  TRY(actions.give(report_end, 4));
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<char*, 1> environment{nullptr};
  pid_t pid = -1;
  int error = ::posix_spawn(&pid, argv[0], actions.get(), nullptr, argv.data(), environment.data());
  if (error != 0) return system_error(fmt::format("cannot start {}", arguments[0]), error);
  return UnpackProcess(pid, std::move(report));
}

int UnpackProcess::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

UnpackProcess::~UnpackProcess() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  reap();
}

Result<UnpackReport> UnpackProcess::finish() {
  std::string text;
  TRY(read_pieces(report_, [&](std::string_view piece) -> Result<void> {
    text += piece;
    if (text.size() <= largest_report) return {};
    return Error{Errc::exhausted, "the unpacker's report is too long"};
  }));
  int status = reap();
  if (text.empty())
    return Error{Errc::internal, fmt::format("the unpacker gave no report: {}", ending(status))};
  return parse_report(text);
}

}  // namespace vireo
