// SPDX-License-Identifier: Apache-2.0
// vireo-vmm: one virtual machine. It owns nothing but the descriptors that it is given
// (vmm_protocol.h), and gives up its rights before it reads the first byte from anybody.
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "vmm/vmm.h"

namespace {

vireo::vmm::Vmm vmm;

void end_on_signal(int) {
  vmm.drain();
  _exit(0);
}

[[noreturn]] void refuse(const char* what) {
  std::perror(what);
  _exit(1);
}

// The network namespace is one without interfaces, shared by all.
void leave_host(const char* user) {
  char* end = nullptr;
  const unsigned long id = std::strtoul(user, &end, 10);
  if (*user == '\0' || *end != '\0' || id == 0) refuse("no user id");
  if (::setns(vireo::vmm::fd_network, CLONE_NEWNET) != 0) refuse("cannot leave the network");
  ::close(vireo::vmm::fd_network);
  const auto uid = static_cast<uid_t>(id);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
      ::setresuid(uid, uid, uid) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    refuse("cannot give up rights");
}

void limit_system_calls() {
  struct stat file {};
  if (::fstat(vireo::vmm::fd_filter, &file) != 0 || file.st_size <= 0) refuse("no filter");
  const auto bytes = static_cast<size_t>(file.st_size);
  void* program = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, vireo::vmm::fd_filter, 0);
  if (program == MAP_FAILED) refuse("cannot map the filter");
  const sock_fprog filter{static_cast<unsigned short>(bytes / sizeof(sock_filter)),
                          static_cast<sock_filter*>(program)};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
    refuse("cannot limit system calls");
  ::munmap(program, bytes);
  ::close(vireo::vmm::fd_filter);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("vireo-vmm is started by vireod; it is no command for a person\n", stderr);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = end_on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  if (::dup3(vireo::vmm::fd_agent_given, vireo::vmm::fd_agent, O_CLOEXEC) < 0)
    refuse("cannot move the platform's socket");
  ::close(vireo::vmm::fd_agent_given);
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  leave_host(arguments[1]);
  limit_system_calls();
  vmm.open(pagemap);
  return vmm.run();
}
