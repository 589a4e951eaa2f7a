// SPDX-License-Identifier: Apache-2.0
#include "vmm/zygote.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "host/fd_passing.h"
#include "keeper/zygote_protocol.h"
#include "vmm/vmm_protocol.h"

namespace vireo::vmm {

namespace {

[[noreturn]] void refuse(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  ::_exit(1);
}

// A root without anything in it. Its mounts are copies, which nobody else sees.
bool leave_files() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("vireo-vmm", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k") == 0 &&
         ::chdir("/proc") == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
         ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0 &&
         ::mount("", "/", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 nullptr) == 0;
}

bool keep_capabilities_to_change_ids() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  sets[0].permitted = sets[0].effective = 1u << CAP_SETUID | 1u << CAP_SETGID;
  return ::syscall(SYS_capset, &head, sets) == 0;
}

// Forks have the zygote's in common: a guard of the stack that one of them lost would tell that of
// the others. Where the C library keeps it: glibc's sysdeps/x86_64/nptl/tls.h, tcbhead_t.
[[gnu::always_inline]] inline void renew_stack_guard() {
  uint64_t guard = 0;
  if (::getrandom(&guard, sizeof guard, 0) != sizeof guard) refuse("no random bytes");
  guard &= ~uint64_t{0xff};
  asm volatile("mov %0, %%fs:0x28" : : "r"(guard) : "memory");
}

}  // namespace

const char* Zygote::open() {
  keeper_ = ::getppid();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return "cannot end with the keeper";
  proc_ = ::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  machine_filter_ = map_filter(fd_machine_filter);
  if (machine_filter_.filter == nullptr) return "no filter for machines";
  if (!leave_host()) return "cannot leave the host";
  if (!keep_one_machine()) return "cannot make a virtual machine";
  return limit_system_calls() ? nullptr : "cannot limit system calls";
}

// A machine's thread, the one that polls for it, and KVM's worker, which newer kernels count. The
// kernel does not ask the root's processes, of which the zygote is one (kernel/fork.c).
static bool limit_threads() {
  const rlimit most{4, 4};
  return ::setrlimit(RLIMIT_NPROC, &most) == 0;
}

// The network namespace is one without interfaces, shared by all.
bool Zygote::leave_host() {
  return ::setns(fd_network, CLONE_NEWNET) == 0 && ::close(fd_network) == 0 && leave_files() &&
         limit_threads() && ::setgroups(0, nullptr) == 0 && keep_capabilities_to_change_ids() &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// While one such processor lives, KVM need not rewrite the kernel's code when another comes or goes
// (arch/x86/kvm/lapic.c, kvm_has_noapic_vcpu): 37 us instead of 207. A fork cannot use it.
bool Zygote::keep_one_machine() {
  const int machine = ::ioctl(fd_kvm, KVM_CREATE_VM, 0);
  return machine >= 0 && ::ioctl(machine, KVM_CREATE_VCPU, 0) >= 0;
}

sock_fprog Zygote::map_filter(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0 || status.st_size <= 0) return {};
  const auto bytes = static_cast<size_t>(status.st_size);
  void* program = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  ::close(file);
  if (program == MAP_FAILED) return {};
  return {static_cast<unsigned short>(bytes / sizeof(sock_filter)),
          static_cast<sock_filter*>(program)};
}

bool Zygote::limit_system_calls() {
  const sock_fprog filter = map_filter(fd_filter);
  return filter.filter != nullptr &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

void Zygote::serve(Machine machine) {
  keeper::ZygoteRequest request;
  for (PassedMessage message; receive_with_fds(fd_requests, sizeof request, message) > 0;
       message = {}) {
    if (message.bytes.size() != sizeof request || message.cut || message.fds.size() != request_fds)
      return;
    std::memcpy(&request, message.bytes.data(), sizeof request);
    make(request.argument, message.fds, machine);
  }
}

void Zygote::make(uint64_t user, std::span<const Fd> fds, Machine machine) {
  // Not by fork(): the C library's knows no such parent.
  const long pid = ::syscall(SYS_clone, CLONE_PARENT, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) become(user, fds, machine);
  const keeper::ZygoteAnswer answer{static_cast<int32_t>(pid > 0 ? pid : 0), pid < 0 ? errno : 0};
  (void)send_with_fds(fd_requests, {reinterpret_cast<const char*>(&answer), sizeof answer}, {});
}

// Never returns: who called it has the guard of before.
void Zygote::become(uint64_t user, std::span<const Fd> fds, Machine machine) {
  const int pagemap = place_descriptors(fds);
  take_id(user);
  renew_stack_guard();
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &machine_filter_) != 0)
    refuse("cannot limit system calls");
  machine(pagemap);
  ::_exit(0);
}

// Gives the pagemap.
int Zygote::place_descriptors(std::span<const Fd> fds) {
  if (::dup3(fds[0].get(), 1, 0) < 0 || ::dup3(fds[1].get(), 2, 0) < 0 ||
      ::dup3(fds[2].get(), fd_agent, O_CLOEXEC) < 0)
    refuse("cannot place descriptors");
  int pagemap = ::openat(proc_, "self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap >= 0 && pagemap != fd_pagemap) pagemap = ::dup3(pagemap, fd_pagemap, O_CLOEXEC);
  const int others = pagemap == fd_pagemap ? first_free_fd : fd_pagemap;
  if (::close(fd_requests) != 0 || ::syscall(SYS_close_range, others, fd_agent - 1, 0) != 0)
    refuse("cannot close descriptors");
  return pagemap;
}

void Zygote::take_id(uint64_t user) {
  const auto id = static_cast<uid_t>(user);
  if (id == 0 || id != user) refuse("no user id");
  if (::setresgid(id, id, id) != 0 || ::setresuid(id, id, id) != 0) refuse("cannot give up rights");
  // Behind that, which clears it. A keeper that is gone already has left us to another.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != keeper_)
    refuse("cannot end with the keeper");
}

}  // namespace vireo::vmm
