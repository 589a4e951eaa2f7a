// SPDX-License-Identifier: Apache-2.0
// A program started as a child of this process, known by pidfd, so that no signal reaches a process
// that took over its number.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

// For wait(): as long as the child takes.
inline constexpr std::chrono::milliseconds without_end{-1};

// What to start. The child gets exactly the descriptors named here, default signals, and the
// calling thread's namespaces.
struct ChildCommand {
  std::string program;                 // a path; without a slash it is looked up in PATH
  std::vector<std::string> arguments;  // all of them: arguments[0] is the program's name
  std::optional<std::vector<std::string>> environment;  // nothing: this process's own
  int input = -1, output = -1, error = -1;              // -1: /dev/null
  std::vector<int> fds;                                 // become 3, 4, ...
  bool new_session = false;                             // setsid
};

// The destructor kills and reaps. SIGCHLD must not be ignored. Move only; for one thread.
class ChildProcess {
 public:
  // Errc::not_found and so on tell why the program could not be executed.
  static Result<ChildProcess> start(const ChildCommand& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  const Fd& pidfd() const { return pidfd_; }  // readable once it has ended
  Result<void> signal(int number) const;      // an ended child: success
  // The status as of waitpid(), reaped; the same again when repeated. Errc::timed_out.
  Result<int> wait(std::chrono::milliseconds timeout);
  // Lets it live on: it is neither killed nor reaped by us any more.
  void detach();

 private:
  ChildProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = 0;
  Fd pidfd_;  // empty: moved from or detached
  std::optional<int> status_;
};

// Runs to the end with /dev/null as input. What it wrote to `output` and `error` is returned.
struct Finished {
  int status = 0;             // as of waitpid()
  std::string output, error;  // at most 1 MiB each, the rest is thrown away
  bool ok() const { return status == 0; }
};
Result<Finished> run_program(ChildCommand command, std::chrono::milliseconds timeout);

std::string wait_status_text(int status);  // "exit code 1", "killed by signal 9 (Killed)"

}  // namespace vireo
