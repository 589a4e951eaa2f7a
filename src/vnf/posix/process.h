// SPDX-License-Identifier: Apache-2.0
// The process of one function: what the platform gave it, and what it tells the platform.
#pragma once
#include "vnf/function.h"
#include "vnf/posix/system_call.h"

namespace vireo::vnf::posix {

// A function class behind plain calls, so that the loop is compiled once (made by run.h). Of a
// function with ports of style packet the last two are null, of style stack `process` is.
struct FunctionEntry {
  const FunctionTable* table;
  bool (*configure)(const Context& context, const void* config);
  void (*tick)(uint64_t now_ns);
  void (*export_state)(StateSink& sink);
  bool (*import_state)(StateSource& source);
  void (*process)(Batch& batch);
  uint32_t (*poll_set)(PollFd* fds, uint32_t room);
  void (*serve)(const PollFd* fds, uint32_t count, uint64_t now_ns);
};

// The vitals page is read by others at any time: every store is whole.
inline void store(uint64_t& at, uint64_t value) { __atomic_store_n(&at, value, __ATOMIC_RELAXED); }
inline void add(uint64_t& at, uint64_t more) { store(at, at + more); }

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
// State ready, with the time, and the message to the agent.
void announce_ready(uint64_t now_ns);

// Sends one message to the platform; false: it does not listen (any more).
bool tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count);

}  // namespace vireo::vnf::posix
