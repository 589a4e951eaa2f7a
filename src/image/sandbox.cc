// SPDX-License-Identifier: Apache-2.0
#include "image/sandbox.h"

#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <span>
#include <sstream>
#include <string>

#include "host/files.h"

namespace vireo {
namespace {

// "0 0 4294967295" -> the same ids inside; a nested namespace keeps what it has.
Result<std::string> identity_map(const char* file) {
  std::istringstream lines(TRY(read_file(file)));
  std::string map;
  uint64_t inside = 0;
  uint64_t outside = 0;
  uint64_t count = 0;
  while (lines >> inside >> outside >> count)
    map +=
        std::to_string(inside) + " " + std::to_string(inside) + " " + std::to_string(count) + "\n";
  return map;
}

Result<void> write_maps(pid_t process) {
  std::string base = "/proc/" + std::to_string(process);
  std::string users = TRY(identity_map("/proc/self/uid_map"));
  std::string groups = TRY(identity_map("/proc/self/gid_map"));
  TRY(write_existing(base + "/uid_map", users));
  return write_existing(base + "/gid_map", groups);
}

// A user namespace's maps can be written only from outside: a child made before does it.
Result<void> enter_namespaces() {
  std::array<int, 2> gate{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  Fd wait_end(gate[0]);
  Fd go_end(gate[1]);
  pid_t self = ::getpid();
  pid_t writer = ::fork();
  if (writer < 0) return system_error("cannot fork");
  if (writer == 0) {
    go_end = Fd();
    char go = 0;
    bool written = ::read(wait_end.get(), &go, 1) == 1 && write_maps(self).has_value();
    ::_exit(written ? 0 : 1);
  }
  bool unshared = ::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0;
  int unshare_error = errno;
  if (unshared && ::write(go_end.get(), "g", 1) != 1) return system_error("cannot write a pipe");
  go_end = Fd();
  int status = 0;
  while (::waitpid(writer, &status, 0) < 0 && errno == EINTR) {
  }
  if (!unshared) return system_error("cannot make a user namespace", unshare_error);
  if (status != 0) return Error{Errc::denied, "cannot map the ids of a user namespace"};
  return {};
}

Result<void> set_limits(uint64_t largest_file) {
  const std::array<std::pair<__rlimit_resource, rlim_t>, 5> limits{{
      {RLIMIT_CORE, 0},
      {RLIMIT_NOFILE, 64},
      {RLIMIT_CPU, 1800},
      {RLIMIT_FSIZE, largest_file},
#ifdef __SANITIZE_ADDRESS__
      {RLIMIT_AS, RLIM_INFINITY},  // its shadow memory takes terabytes of addresses
#else
      {RLIMIT_AS, 1u << 30},
#endif
  }};
  for (const auto& [resource, value] : limits) {
    rlimit limit{value, value};
    rlimit now{};
    if (::getrlimit(resource, &now) == 0 && now.rlim_max < value)
      limit = {now.rlim_max, now.rlim_max};
    if (::setrlimit(resource, &limit) != 0) return system_error("cannot set resource limits");
  }
  return {};
}

Result<void> keep_capabilities(std::span<const unsigned> kept) {
  for (unsigned long c = 0; ::prctl(PR_CAPBSET_READ, c) >= 0; c++)
    if (::prctl(PR_CAPBSET_DROP, c) != 0) return system_error("cannot drop capabilities");
  uint32_t mask = 0;
  for (unsigned c : kept) mask |= 1u << c;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{{{mask, mask, 0}, {0, 0, 0}}};
  if (::syscall(SYS_capset, &header, sets.data()) != 0)
    return system_error("cannot drop capabilities");
  return {};
}

constexpr std::array filter_calls{
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(fcntl),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(restart_syscall),
#ifdef __SANITIZE_ADDRESS__
    SCMP_SYS(pipe2),  // how the sanitizers probe whether memory can be read
#endif
};
constexpr std::array file_calls{SCMP_SYS(openat),    SCMP_SYS(openat2),  SCMP_SYS(mkdirat),
                                SCMP_SYS(symlinkat), SCMP_SYS(linkat),   SCMP_SYS(unlinkat),
                                SCMP_SYS(mknodat),   SCMP_SYS(fchown),   SCMP_SYS(fchownat),
                                SCMP_SYS(fchmod),    SCMP_SYS(fchmodat), SCMP_SYS(utimensat),
                                SCMP_SYS(ftruncate), SCMP_SYS(pwrite64), SCMP_SYS(readlinkat)};

Result<void> allow_calls(bool files) {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return Error{Errc::exhausted, "cannot make a system-call filter"};
  bool ok = true;
  for (int call : filter_calls) ok = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0 && ok;
  if (files)
    for (int call : file_calls) ok = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0 && ok;
  // No memory that is both written and run, and none that is run at all.
  for (int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    ok = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0)) ==
             0 &&
         ok;  // 4: PROT_EXEC
  ok = ok && ::seccomp_load(filter) == 0;
  ::seccomp_release(filter);
  if (!ok) return Error{Errc::unsupported, "cannot install the system-call filter"};
  return {};
}

}  // namespace

Result<void> enter_sandbox(int directory, uint64_t largest_file) {
  TRY(enter_namespaces());
  TRY(set_limits(largest_file));
  // A filter sees an empty root: its own /proc/self/fdinfo cannot be left and holds no files.
  int failed = directory >= 0 ? ::fchdir(directory) : ::chdir("/proc/self/fdinfo");
  if (failed != 0 || ::chroot(".") != 0) return system_error("cannot enter the directory");
  static constexpr std::array<unsigned, 4> kept{CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
                                                CAP_FSETID};
  TRY(keep_capabilities(std::span(kept).first(directory >= 0 ? kept.size() : 0)));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return system_error("cannot give up privileges");
  return allow_calls(directory >= 0);
}

}  // namespace vireo
