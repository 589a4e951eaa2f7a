// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/vmm_filter.h"

#include <linux/kvm.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string>

#include "host/files.h"

namespace vireo {

namespace {

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

// It opens nothing, makes no process and no socket. `futex`, `brk` are the C library's, and what a
// thread sets up for itself (pthread_create, nptl/pthread_create.c).
// clang-format off
constexpr int allowed[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
    SCMP_SYS(ppoll), SCMP_SYS(close), SCMP_SYS(mmap), SCMP_SYS(munmap),
    SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(clock_gettime), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(futex), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield)};
// clang-format on
// The C library's words for a thread, and nothing else, of a machine.
constexpr unsigned long thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM |
                                       CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS |
                                       CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr unsigned long requests[] = {KVM_CREATE_VM,
                                      KVM_CREATE_VCPU,
                                      KVM_GET_VCPU_MMAP_SIZE,
                                      KVM_SET_USER_MEMORY_REGION,
                                      KVM_RUN,
                                      KVM_GET_REGS,
                                      KVM_SET_REGS,
                                      KVM_GET_SREGS,
                                      KVM_SET_SREGS,
                                      KVM_GET_TSC_KHZ,
                                      KVM_GET_FPU,
                                      KVM_SET_FPU};

// What a zygote does to make a machine, and a machine before it is one; beside them it clones.
constexpr int becoming[] = {SCMP_SYS(dup3),      SCMP_SYS(openat),  SCMP_SYS(close_range),
                            SCMP_SYS(getrandom), SCMP_SYS(getppid), SCMP_SYS(setresgid),
                            SCMP_SYS(setresuid), SCMP_SYS(prctl),   SCMP_SYS(seccomp)};

bool allow(const Context& context) {
  bool good = true;
  for (const auto& calls : {std::span<const int>(allowed), std::span<const int>(becoming)})
    for (int call : calls)
      good = good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, call, 0) == 0;
  for (unsigned long request : requests)
    good = good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                      SCMP_A1(SCMP_CMP_EQ, request)) == 0;
  // What clone3 is asked lies in memory, where no filter looks: without it the C library takes
  // clone.
  good =
      good && ::seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
  return good && ::seccomp_rule_add(context.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 0) == 0;
}

bool refuse(const Context& context) {
  bool good = true;
  for (int call : becoming)
    good = good && ::seccomp_rule_add(context.get(), SCMP_ACT_KILL_PROCESS, call, 0) == 0;
  return good && ::seccomp_rule_add(context.get(), SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                                    SCMP_A0(SCMP_CMP_NE, thread_flags)) == 0;
}

Result<Fd> filter_file(const Context& context) {
  Fd memory(::memfd_create("vireo-vmm-filter", MFD_CLOEXEC));
  if (!memory || ::seccomp_export_bpf(context.get(), memory.get()) != 0)
    return Error{Errc::internal, "libseccomp cannot export a filter of the VMM's"};
  std::string program(static_cast<size_t>(::lseek(memory.get(), 0, SEEK_END)), '\0');
  if (::pread(memory.get(), program.data(), program.size(), 0) !=
      static_cast<ssize_t>(program.size()))
    return system_error("cannot read a filter of the VMM's");
  return sealed_memory("vireo-vmm-filter", program);
}

}  // namespace

Result<VmmFilters> vmm_filters() {
  Context zygote(::seccomp_init(SCMP_ACT_KILL_PROCESS), &::seccomp_release);
  Context machine(::seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release);
  constexpr uint32_t binary_tree = 2;
  if (!zygote || !machine ||
      ::seccomp_attr_set(zygote.get(), SCMP_FLTATR_CTL_OPTIMIZE, binary_tree) != 0 ||
      !allow(zygote) || !refuse(machine))
    return Error{Errc::internal, "libseccomp refuses the VMM's system calls"};
  return VmmFilters{TRY(filter_file(zygote)), TRY(filter_file(machine))};
}

}  // namespace vireo
