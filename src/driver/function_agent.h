// SPDX-License-Identifier: Apache-2.0
// The platform's end of a libvnf function's agent socket (vnf/abi.h). The other end is not trusted:
// lengths and kinds are checked, sizes bounded, and every wait has a deadline.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "host/unix_socket.h"
#include "vnf/abi.h"

namespace vireo {

// Thread-safe: one exchange at a time.
class FunctionAgent {
 public:
  explicit FunctionAgent(UnixSocket socket) : socket_(std::move(socket)) {}
  const Fd& fd() const { return socket_.fd(); }

  // The first message of all (AgentMessage::begin), with duplicates of `fds`.
  Result<void> begin(std::span<const int> fds);

  // Of a VMM (vmm/vmm_protocol.h): a message of its own with descriptors, and the wait for one.
  Result<void> send(uint32_t type, std::string_view payload, std::span<const int> fds,
                    uint32_t value = 0);
  Result<void> await(uint32_t type, std::chrono::milliseconds deadline);

  // Takes what lies there without waiting. True once the function has said that it is ready, now
  // or during an exchange.
  bool ready();

  Result<std::string> export_state(std::chrono::milliseconds deadline);
  // `state` is what export_state gave: the version in its first 4 bytes, then the bytes.
  Result<void> import_state(std::string_view state, std::chrono::milliseconds deadline);

 private:
  struct Message {
    vnf::AgentHeader header{};
    std::string payload;
  };
  Result<void> send(vnf::AgentMessage type, uint32_t value, std::string_view payload);
  // Skips and remembers `ready`; `failed` becomes an error.
  Result<Message> receive(std::chrono::steady_clock::time_point until);

  std::mutex mutex_;
  UnixSocket socket_;
  bool ready_ = false;
};

}  // namespace vireo
