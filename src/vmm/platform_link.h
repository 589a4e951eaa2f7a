// SPDX-License-Identifier: Apache-2.0
// The VMM's end of the agent's socket (vnf/abi.h, vmm_protocol.h).
#pragma once
#include <cstddef>
#include <cstdint>

#include "vnf/abi.h"

namespace vireo::vmm {

struct ReceivedMessage {
  vnf::AgentHeader header{};
  const uint8_t* payload = nullptr;  // header.length bytes, until the next receive()
  static constexpr unsigned most_fds = 2 + vnf::max_ports;
  int fds[most_fds];
  unsigned fd_count = 0;
};

class PlatformLink {
 public:
  // The next message. False: none within `patience_us` (-1: waits for ever), or nobody is there.
  bool receive(int64_t patience_us, ReceivedMessage& message);
  bool send(uint32_t type, uint32_t value, const void* payload, uint32_t bytes);
  // The platform has closed its end: that ends nothing here.
  bool closed() const { return closed_; }
  int fd() const;

 private:
  bool closed_ = false;
  alignas(8) uint8_t buffer_[sizeof(vnf::AgentHeader) + vnf::agent_chunk_bytes];
};

}  // namespace vireo::vmm
