// SPDX-License-Identifier: Apache-2.0
// The process of one function: what the platform gave it, and what it tells the platform.
#pragma once
#include "vnf/entry.h"
#include "vnf/posix/system_call.h"
#include "vnf/vitals.h"

namespace vireo::vnf::posix {

// `poll_set` and `serve` are null of a function with ports of style packet.
struct ProcessEntry : FunctionEntry {
  uint32_t (*poll_set)(PollFd* fds, uint32_t room);
  void (*serve)(const PollFd* fds, uint32_t count, uint64_t now_ns);
};

// Installs the answer to SIGTERM and SIGINT (state draining, exit code 0) and waits for the
// platform's first message; ends the process quietly when the platform closes its end instead.
void await_begin(const FunctionTable& table);
// Maps and checks what came with it. Ends the process with fail() when something is wrong.
void open_process(const FunctionTable& table);
int port_descriptor(uint32_t port);
const Identity& identity();
Vitals& vitals();

// State failed, the reason in vitals, on the agent's socket and on stderr; exit code 1.
[[noreturn]] void fail(const char* reason);
// One line on standard output.
void log_line(const char* line);
// State ready, with the time, and the message to the agent.
void announce_ready(uint64_t now_ns);

// Sends one message to the platform; false: it does not listen (any more).
bool tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count);

}  // namespace vireo::vnf::posix
