// SPDX-License-Identifier: Apache-2.0
// Speaks as vireo-vmm does (vmm/vmm_protocol.h) and runs nothing: for tests of its driver.
#include <sys/socket.h>

#include <cstring>

#include "vmm/vmm_protocol.h"
#include "vnf/abi.h"

namespace {

void say(uint32_t type) {
  const vireo::vnf::AgentHeader header{type, 0, 0, 0};
  (void)::send(vireo::vmm::fd_agent_given, &header, sizeof header, MSG_NOSIGNAL);
}

}  // namespace

int main() {
  using namespace vireo;
  char message[4096];
  while (::recv(vmm::fd_agent_given, message, sizeof message, 0) > 0) {
    vnf::AgentHeader header{};
    std::memcpy(&header, message, sizeof header);
    if (header.type == vmm::message_load) say(vmm::message_loaded);
    if (header.type == vmm::message_save) say(vmm::message_saved);
    if (header.type == static_cast<uint32_t>(vnf::AgentMessage::begin))
      say(static_cast<uint32_t>(vnf::AgentMessage::ready));
  }
  return 0;
}
