// SPDX-License-Identifier: Apache-2.0
#include "host/child_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"

namespace vireo {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// posix_spawn's two argument objects, destroyed with this.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  std::vector<Fd> lifted;
};

// Copies above every target first: a plain dup2 sequence would overwrite what comes later in it.
Result<void> place_fds(const ChildCommand& command, SpawnSettings& settings) {
  std::vector<int> wanted{command.input, command.output, command.error};
  wanted.insert(wanted.end(), command.fds.begin(), command.fds.end());
  const int count = static_cast<int>(wanted.size());
  for (int target = 0; target < count; ++target) {
    const int source = wanted[static_cast<size_t>(target)];
    if (source < 0) {
      posix_spawn_file_actions_addopen(&settings.actions, target, "/dev/null", O_RDWR, 0);
      continue;
    }
    Fd copy(::fcntl(source, F_DUPFD_CLOEXEC, count));
    if (!copy) return system_error("cannot duplicate a descriptor for a child");
    posix_spawn_file_actions_adddup2(&settings.actions, copy.get(), target);
    settings.lifted.push_back(std::move(copy));
  }
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, count);
  return {};
}

void reset_signals(const ChildCommand& command, SpawnSettings& settings) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (command.new_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&settings.attributes, static_cast<short>(flags));
}

bool readable(const Fd& fd, std::chrono::milliseconds timeout) {
  pollfd wanted{fd.get(), POLLIN, 0};
  int ready = -1;
  do ready = ::poll(&wanted, 1, static_cast<int>(timeout.count()));
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// The C library's header lacks its C++ linkage in Debian 12, hence the bare call.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  return Pipe{Fd(raw[0]), Fd(raw[1])};
}

// Reads both until their ends. False: the deadline passed first.
bool drain(std::array<Fd, 2> pipes, std::array<std::string*, 2> texts, SteadyTime deadline) {
  constexpr size_t limit = 1u << 20;
  while (pipes[0] || pipes[1]) {
    pollfd wanted[2] = {{pipes[0].get(), POLLIN, 0}, {pipes[1].get(), POLLIN, 0}};
    const auto left = deadline - SteadyTime::clock::now();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (wait <= 0) return false;
    if (::poll(wanted, 2, static_cast<int>(wait)) <= 0) continue;
    for (size_t i = 0; i < 2; ++i) {
      if (wanted[i].revents == 0) continue;
      char buffer[8192];
      const ssize_t size = ::read(pipes[i].get(), buffer, sizeof buffer);
      if (size <= 0)
        pipes[i] = Fd();
      else if (texts[i]->size() < limit)
        texts[i]->append(buffer, static_cast<size_t>(size));
    }
  }
  return true;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ChildCommand& command) {
  SpawnSettings settings;
  TRY(place_fds(command, settings));
  reset_signals(command, settings);
  std::vector<char*> arguments = pointers(command.arguments);
  std::vector<char*> environment;
  if (command.environment) environment = pointers(*command.environment);
  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, command.program.c_str(), &settings.actions, &settings.attributes,
                     arguments.data(), command.environment ? environment.data() : environ);
  if (failed != 0) return system_error(fmt::format("cannot execute {}", command.program), failed);
  // Its number cannot be taken over before we reap it, so that this opens the right process.
  ChildProcess child(pid, Fd(open_pidfd(pid)));
  if (!child.pidfd_) {
    Error error = system_error("cannot open a process");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      status_(std::exchange(other.status_, {})) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  ChildProcess taken(std::move(other));
  std::swap(pid_, taken.pid_);
  pidfd_.swap(taken.pidfd_);
  std::swap(status_, taken.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!pidfd_ || status_) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> ChildProcess::signal(int number) const {
  if (!pidfd_ || status_) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0 || errno == ESRCH)
    return {};
  return system_error(fmt::format("cannot send signal {} to process {}", number, pid_));
}

Result<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
  if (status_) return *status_;
  if (!pidfd_) return Error{Errc::invalid, "no child to wait for"};
  if (!readable(pidfd_, timeout)) {
    return Error{Errc::timed_out, fmt::format("process {} did not end in time", pid_)};
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return system_error(fmt::format("cannot reap process {}", pid_));
  }
  status_ = status;
  return status;
}

void ChildProcess::detach() { pidfd_ = Fd(); }

Result<Finished> run_program(ChildCommand command, std::chrono::milliseconds timeout) {
  const SteadyTime deadline = SteadyTime::clock::now() + timeout;
  Pipe output = TRY(make_pipe());
  Pipe error = TRY(make_pipe());
  command.output = output.write.get();
  command.error = error.write.get();
  ChildProcess child = TRY(ChildProcess::start(command));
  output.write = Fd();
  error.write = Fd();
  Finished finished;
  if (!drain({std::move(output.read), std::move(error.read)}, {&finished.output, &finished.error},
             deadline)) {
    return Error{Errc::timed_out, fmt::format("{} did not end in time", command.program)};
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyTime::clock::now());
  finished.status = TRY(child.wait(std::max(left, std::chrono::milliseconds(0))));
  return finished;
}

std::string wait_status_text(int status) {
  if (WIFEXITED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return fmt::format("wait status {}", status);
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
}

}  // namespace vireo
