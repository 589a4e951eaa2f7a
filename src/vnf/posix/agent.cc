// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/agent.h"

#include "vnf/back_end.h"
#include "vnf/posix/memory.h"
#include "vnf/state_stream.h"

namespace vireo::vnf {

void* back_end::memory(size_t bytes) { return posix::map_memory(bytes); }

bool back_end::tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count) {
  return posix::tell(type, value, bytes, count);
}

long back_end::hear(void* room, uint32_t bytes, int64_t patience_ns) {
  posix::PollFd more{fd_agent, posix::poll_in, 0};
  if (posix::wait_ready(&more, 1, patience_ns) == 0) return 0;
  return posix::receive(fd_agent, room, bytes, posix::message_dont_wait);
}

namespace posix {

bool serve_agent(const FunctionEntry& function) {
  AgentHeader header{};
  const long got = receive(fd_agent, &header, sizeof header, message_dont_wait);
  if (got == error_again || got == error_interrupted) return true;
  if (got <= 0) return false;
  if (got == static_cast<long>(sizeof header)) serve_message(function, header);
  return true;
}

}  // namespace posix
}  // namespace vireo::vnf
