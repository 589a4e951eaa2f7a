// SPDX-License-Identifier: Apache-2.0
// For tests and measurements: starts a function's program as the platform does, without a driver.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "vnf/abi.h"

namespace vireo::vnf {

struct Launch {
  std::string program;                    // ".../bin/functions/forwarder"
  std::vector<int> ports;                 // descriptors, in order; duplicated
  std::unique_ptr<Identity> identity;     // kinds, addresses; port_count is set from it
  std::string config;                     // the bytes of the configuration struct
  const Fd* network_namespace = nullptr;  // where it runs; none: the caller's
};

// An identity of `ports` ports of one kind (0 tap, 1 AF_PACKET, 2 stack), MTU 1500, seed filled.
std::unique_ptr<Identity> plain_identity(uint32_t ports, uint8_t kind);
// Puts "10.0.0.2/24" or "fd00::2/64" on a port of the identity.
void add_address(Identity& identity, uint32_t port, const std::string& prefix);

// A running function. The destructor kills and reaps it.
class LaunchedFunction {
 public:
  static Result<LaunchedFunction> start(const Launch& launch);
  LaunchedFunction(LaunchedFunction&& other) noexcept;
  LaunchedFunction& operator=(LaunchedFunction&&) = delete;
  LaunchedFunction(const LaunchedFunction&) = delete;
  LaunchedFunction& operator=(const LaunchedFunction&) = delete;
  ~LaunchedFunction();

  // The next message from the function: its header and payload.
  struct Message {
    AgentHeader header{};
    std::string payload;
  };
  Result<Message> next_message(std::chrono::milliseconds deadline);
  Result<void> send(AgentMessage type, uint32_t value, std::string_view payload);
  // Waits for `ready`; an error tells what `failed` said.
  Result<void> wait_ready(std::chrono::milliseconds deadline);
  // The exit code, or 128 + signal.
  Result<int> wait_exit(std::chrono::milliseconds deadline);

  void signal(int number) const;
  pid_t pid() const { return pid_; }
  const Vitals& vitals() const { return *vitals_; }
  // CLOCK_MONOTONIC, right before execve.
  uint64_t executed_at_ns() const { return started_[0]; }
  void close_agent() { agent_ = Fd(); }

 private:
  LaunchedFunction() = default;
  pid_t pid_ = 0;
  Fd agent_, pidfd_;
  Vitals* vitals_ = nullptr;
  uint64_t* started_ = nullptr;  // shared with the child until it executes
};

}  // namespace vireo::vnf
