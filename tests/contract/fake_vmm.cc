// SPDX-License-Identifier: Apache-2.0
// Speaks as vireo-vmm does (vmm/vmm_protocol.h, keeper/zygote_protocol.h) and runs nothing: for
// tests of its driver.
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "host/fd_passing.h"
#include "keeper/zygote_protocol.h"
#include "vmm/vmm_protocol.h"
#include "vnf/abi.h"

namespace {

using namespace vireo;

void say(int agent, uint32_t type) {
  const vnf::AgentHeader header{type, 0, 0, 0};
  (void)::send(agent, &header, sizeof header, MSG_NOSIGNAL);
}

[[noreturn]] void run_machine(int agent) {
  ::close(vmm::fd_requests);
  char message[4096];
  while (::recv(agent, message, sizeof message, 0) > 0) {
    vnf::AgentHeader header{};
    std::memcpy(&header, message, sizeof header);
    if (header.type == vmm::message_load) say(agent, vmm::message_loaded);
    if (header.type == vmm::message_save) say(agent, vmm::message_saved);
    if (header.type == static_cast<uint32_t>(vnf::AgentMessage::begin))
      say(agent, static_cast<uint32_t>(vnf::AgentMessage::ready));
  }
  ::_exit(0);
}

}  // namespace

int main() {
  PassedMessage request;
  while (receive_with_fds(vmm::fd_requests, sizeof(keeper::ZygoteRequest), request) > 0) {
    const long pid = ::syscall(SYS_clone, CLONE_PARENT, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) run_machine(request.fds.at(2).get());
    const keeper::ZygoteAnswer answer{static_cast<int32_t>(pid), 0};
    (void)::send(vmm::fd_requests, &answer, sizeof answer, MSG_NOSIGNAL);
    request = {};
  }
  return 0;
}
