// SPDX-License-Identifier: Apache-2.0
#include "keeper/start_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vireo::keeper {
namespace {

// Shared by the keeper and its children up to the exec: one memory, in which a child must not
// allocate, and the keeper sleeps meanwhile.
struct Attempt {
  const StartPlan& plan;
  bool own_user_namespace = false;
  Step failed = Step::none;
  int error_number = 0;
  int pid = 0;
  int pidfd = -1;
};

// Inlined, so that the child, which runs on the caller's stack, never returns through a frame that
// the sleeping parent still needs.
[[gnu::always_inline]] inline long raw_clone(clone_args& arguments) {
  long result = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof arguments)
               : "rcx", "r11", "memory");
  return result;
}

[[noreturn]] void fail(Attempt& attempt, Step step) {
  attempt.failed = step;
  attempt.error_number = errno;
  ::_exit(127);
}

void join_control_groups(Attempt& attempt) {
  for (int procs : attempt.plan.cgroup_tasks) {
    if (::write(procs, "0", 1) != 1) fail(attempt, Step::control_group);
  }
}

// An exec by a user id that its namespace does not map drops every capability but the ambient ones.
void keep_capabilities(Attempt& attempt) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (::syscall(SYS_capget, &head, sets) != 0) fail(attempt, Step::capabilities);
  for (auto& set : sets) set.inheritable = set.permitted;
  if (::syscall(SYS_capset, &head, sets) != 0) fail(attempt, Step::capabilities);
  for (unsigned long cap = 0; cap < 64; ++cap) {
    if ((sets[cap / 32].permitted >> (cap % 32) & 1) == 0) continue;
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
  }
}

// Each goes below where it lies. Returns where the executable's descriptor is.
int place_descriptors(Attempt& attempt) {
  const int first = attempt.plan.pad->first(), count = attempt.plan.pad->count();
  if (::syscall(SYS_close_range, first + count, ~0U, CLOSE_RANGE_UNSHARE) != 0)
    fail(attempt, Step::descriptors);
  for (int i = 0; i < count; ++i) {
    const int flags = i == count - 1 ? O_CLOEXEC : 0;
    if (::dup3(first + i, i, flags) < 0) fail(attempt, Step::descriptors);
  }
  if (::syscall(SYS_close_range, count, ~0U, 0) != 0) fail(attempt, Step::descriptors);
  return count - 1;
}

void leave_session(Attempt& attempt) {
  if (::setsid() < 0) fail(attempt, Step::session);
  ::setrlimit(RLIMIT_NOFILE, &attempt.plan.open_files);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn, gnu::noinline]] void run_child(Attempt& attempt) {
  join_control_groups(attempt);  // first: memory touched earlier stays charged to the keeper's
  if (attempt.own_user_namespace) keep_capabilities(attempt);
  const int executable = place_descriptors(attempt);
  leave_session(attempt);
  ::syscall(SYS_execveat, executable, "", attempt.plan.arguments.data(),
            attempt.plan.environment.data(), AT_EMPTY_PATH);
  fail(attempt, Step::execute);
}

// `flags` decides whose child it becomes. Gives 0 or -errno.
[[gnu::noinline]] long clone_child(Attempt& attempt, uint64_t flags) {
  clone_args arguments{};
  arguments.flags =
      CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | attempt.plan.clone_flags | flags;
  // With CLONE_PARENT the kernel takes the caller's own exit signal and refuses another.
  arguments.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;
  arguments.pidfd = reinterpret_cast<uintptr_t>(&attempt.pidfd);
  if (attempt.plan.cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(attempt.plan.cgroup);
  }
  const long pid = raw_clone(arguments);
  if (pid == 0) run_child(attempt);
  if (pid > 0) attempt.pid = static_cast<int>(pid);
  return pid > 0 ? 0 : pid;
}

[[noreturn, gnu::noinline]] void join_and_clone(Attempt& attempt) {
  for (int space : attempt.plan.join_namespaces) {
    if (::setns(space, 0) != 0) fail(attempt, Step::join_namespace);
  }
  const long result = clone_child(attempt, CLONE_PARENT);
  errno = static_cast<int>(-result);
  if (result < 0) fail(attempt, Step::clone);
  ::_exit(0);
}

// A process in between joins the namespaces, so that the new ones are made inside them; what it
// clones is the keeper's child. It shares the descriptor table: the pidfd must arrive in ours.
[[gnu::noinline]] long clone_through_joiner(Attempt& attempt) {
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES;
  arguments.exit_signal = SIGCHLD;
  const long joiner = raw_clone(arguments);
  if (joiner == 0) join_and_clone(attempt);
  if (joiner < 0) return joiner;
  ::waitpid(static_cast<pid_t>(joiner), nullptr, 0);
  return 0;
}

bool changes_user_namespace(const StartPlan& plan) {
  if ((plan.clone_flags & CLONE_NEWUSER) != 0) return true;
  for (int space : plan.join_namespaces) {
    if (::ioctl(space, NS_GET_NSTYPE) == CLONE_NEWUSER) return true;
  }
  return false;
}

bool load(const StartPlan& plan) {
  std::vector<int> fds{plan.null, plan.output, plan.error};
  fds.insert(fds.end(), plan.fds.begin(), plan.fds.end());
  fds.push_back(plan.executable);
  return plan.pad->load(fds);
}

}  // namespace

LaunchPad::LaunchPad(int null) : null_(null) {
  constexpr int above_ours = 32;
  first_ = ::fcntl(null, F_DUPFD_CLOEXEC, above_ours);
  for (int i = 1; i < slots && first_ >= 0; ++i)
    if (::dup3(null, first_ + i, O_CLOEXEC) < 0) first_ = -1;
}

bool LaunchPad::load(std::span<const int> fds) {
  if (first_ < 0 || fds.size() > slots) return errno = EMFILE, false;
  for (const int fd : fds) {
    if (::dup3(fd, first_ + count_, O_CLOEXEC) < 0) return false;
    ++count_;
  }
  return true;
}

void LaunchPad::clear() {
  while (count_ > 0) ::dup3(null_, first_ + --count_, O_CLOEXEC);
}

Started start_process(const StartPlan& plan) {
  if (!load(plan)) {
    Started failed{Step::descriptors, errno, 0, Fd()};
    plan.pad->clear();
    return failed;
  }
  Attempt attempt{plan};
  attempt.own_user_namespace = changes_user_namespace(plan);
  const long result =
      plan.join_namespaces.empty() ? clone_child(attempt, 0) : clone_through_joiner(attempt);
  plan.pad->clear();
  Started started{attempt.failed, attempt.error_number, attempt.pid, Fd(attempt.pidfd)};
  if (result < 0) started = {Step::clone, static_cast<int>(-result), 0, Fd()};
  if (started.failed != Step::none && attempt.pid > 0) ::waitpid(attempt.pid, nullptr, 0);
  return started;
}

}  // namespace vireo::keeper
