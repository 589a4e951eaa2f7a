// SPDX-License-Identifier: Apache-2.0
#include "driver/container/plan/seccomp_filter.h"

#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"
#include "host/files.h"

namespace vireo {

namespace {

// No keyring, bpf, perf, userfaultfd, io_uring, mount, module, reboot, ptrace or clock setting.
constexpr std::string_view allowed =
    "accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod "
    "chown chroot clock_getres clock_gettime clock_nanosleep close close_range connect "
    "copy_file_range "
    "creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait "
    "eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate "
    "fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork "
    "fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_waitv futimesat getcpu "
    "getcwd "
    "getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp "
    "getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid "
    "getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init "
    "inotify_init1 inotify_rm_watch ioctl io_cancel io_destroy io_getevents io_setup io_submit "
    "ioprio_get ioprio_set kill lchown lgetxattr link linkat listen listxattr llistxattr "
    "lremovexattr "
    "lseek lsetxattr lstat madvise membarrier memfd_create mincore mkdir mkdirat mlock mlock2 "
    "mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink "
    "mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
    "nanosleep "
    "newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl "
    "pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink "
    "readlinkat readv recvfrom recvmmsg recvmsg removexattr rename renameat renameat2 "
    "restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
    "rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
    "sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler "
    "sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto "
    "set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid "
    "setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr "
    "shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat "
    "statfs "
    "statx symlink symlinkat sync sync_file_range sysinfo tee tgkill time timer_create "
    "timer_delete "
    "timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime "
    "times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 "
    "waitid write writev get_robust_list mknod mknodat process_mrelease";

// What vireo-enter needs between its parking and the program's first instruction; at most five
// arguments each.
constexpr std::string_view entering =
    "fsconfig fsmount fsopen mount_setattr move_mount open_tree sethostname";

constexpr uint64_t namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;

// A tap's descriptor is handed to a function: whoever holds it could make the tap stay for ever,
// switch its carrier, or give its near end the MAC of another. The requests of <linux/if_tun.h>
// have numbers from 200 on of type 'T'; those of terminals end before 128. libseccomp has no "all
// but".
constexpr std::array tap_requests_refused = {
    sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 5, __NR_ioctl},
    sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, args[1])},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SIOCSIFHWADDR},
    sock_filter{BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff80},
    sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'T' << 8 | 0x80},
    sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM}};

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

bool allow(const Context& context, std::string_view names, std::optional<uint64_t> key) {
  bool good = true;
  for (std::string_view name : split(names, ' ')) {
    int number = ::seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number == __NR_SCMP_ERROR) continue;  // newer than this libseccomp: stays forbidden
    const scmp_arg_cmp sixth = SCMP_A5(SCMP_CMP_EQ, key.value_or(0), 0);
    good = good && ::seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, number, key ? 1 : 0,
                                            &sixth) == 0;
  }
  return good;
}

bool add_rules(const Context& context, uint64_t key) {
  bool good = allow(context, allowed, {}) && allow(context, entering, key);
  // clone3 hides its flags in memory: the C library falls back to clone on ENOSYS.
  good =
      good && ::seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
  good = good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                    SCMP_A0(SCMP_CMP_MASKED_EQ, namespace_flags, 0)) == 0;
  good = good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                                    SCMP_A0(SCMP_CMP_EQ, 0)) == 0;
  // No virtio sockets: they would reach the host past every link.
  return good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                    SCMP_A0(SCMP_CMP_LT, AF_VSOCK)) == 0;
}

}  // namespace

Result<std::vector<sock_filter>> seccomp_filter(uint64_t key) {
  Context context(::seccomp_init(SCMP_ACT_ERRNO(EPERM)), &::seccomp_release);
  constexpr uint32_t binary_tree = 2;
  if (!context || ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, binary_tree) != 0 ||
      !add_rules(context, key))
    return Error{Errc::internal, "libseccomp refuses the system call list"};
  Fd memory(::memfd_create("vireo-seccomp", MFD_CLOEXEC));
  if (!memory || ::seccomp_export_bpf(context.get(), memory.get()) != 0)
    return Error{Errc::internal, "libseccomp cannot export the system call filter"};
  off_t bytes = ::lseek(memory.get(), 0, SEEK_END);
  constexpr size_t ahead = tap_requests_refused.size();
  std::vector<sock_filter> program(ahead + static_cast<size_t>(bytes) / sizeof(sock_filter));
  std::ranges::copy(tap_requests_refused, program.begin());
  if (::pread(memory.get(), program.data() + ahead, static_cast<size_t>(bytes), 0) != bytes)
    return system_error("cannot read the system call filter");
  return program;
}

}  // namespace vireo
