// SPDX-License-Identifier: Apache-2.0
// vireo-vmm: a zygote, and forked from it one process for each virtual machine. It owns nothing but
// the descriptors that it is given (vmm_protocol.h), and gives up its rights before it reads the
// first byte from anybody.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "vmm/vmm.h"
#include "vmm/zygote.h"

namespace {

vireo::vmm::Vmm vmm;

void run_machine(int pagemap) {
  vmm.open(pagemap);
  _exit(vmm.run());
}

void end_on_signal(int) {
  vmm.drain();
  _exit(0);
}

}  // namespace

int main(int count, char**) {
  if (count != 1 || ::fcntl(vireo::vmm::fd_requests, F_GETFD) < 0) {
    std::fputs("vireo-vmm is started by vireod; it is no command for a person\n", stderr);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = end_on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  vireo::vmm::Zygote zygote;
  if (const char* what = zygote.open()) {
    std::perror(what);
    return 1;
  }
  zygote.serve(run_machine);
  return 0;
}
