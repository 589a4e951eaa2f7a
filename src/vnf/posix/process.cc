// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/process.h"

#include "vnf/posix/memory.h"

namespace vireo::vnf::posix {

namespace {

struct Process {
  const char* name;
  Vitals* vitals;
  const Identity* identity;
  PassedDescriptors given;  // vitals, identity, ports
  uint32_t given_count;
};
Process process;

uint32_t text_length(const char* text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

// Nothing has to be finished: every packet that was taken has been sent before the next is taken.
void end_on_signal(int) {
  // It may end before it began.
  if (process.vitals != nullptr) set_state(*process.vitals, FunctionState::draining);
  exit_process(0);
}

asm(".globl vireo_signal_return\nvireo_signal_return:\n\tmov $15, %eax\n\tsyscall\n");
extern "C" void vireo_signal_return();

// As PID 1 of a namespace a process gets only signals that it handles.
void handle_signals() {
  constexpr uint64_t own_restorer = 0x04000000;  // x86-64 accepts no other
  struct {
    void (*handler)(int);
    uint64_t flags;
    void (*restorer)();
    uint64_t mask;
  } const action{end_on_signal, own_restorer, vireo_signal_return, 0};
  constexpr long terminate = 15, interrupt = 2;
  for (long signal = interrupt; signal <= terminate; signal += terminate - interrupt)
    system_call(__NR_rt_sigaction, signal, address(&action), 0, sizeof action.mask);
}

}  // namespace

const Identity& identity() { return *process.identity; }
Vitals& vitals() { return *process.vitals; }

int port_descriptor(uint32_t port) { return process.given.fds[2 + port]; }

void await_begin(const FunctionTable& table) {
  process.name = table.name;
  handle_signals();
  AgentHeader header{};
  IoVector part{&header, sizeof header};
  MessageHeader message{};
  message.vectors = &part;
  message.vector_count = 1;
  message.control = &process.given;
  message.control_bytes = sizeof process.given;
  long got = error_interrupted;
  while (got == error_interrupted) got = receive_message(fd_agent, message, 0);
  if (got == 0) exit_process(0);
  const PassedDescriptors& given = process.given;
  const size_t head = offsetof(PassedDescriptors, fds);
  if (got < static_cast<long>(sizeof header) || given.level != socket_level ||
      given.type != rights_type || given.bytes < head + 2 * sizeof(int) ||
      header.type != static_cast<uint32_t>(AgentMessage::begin))
    fail("the platform did not begin with what it should");
  process.given_count = static_cast<uint32_t>((given.bytes - head) / sizeof(int));
}

void open_process(const FunctionTable& table) {
  const int vitals = process.given.fds[0], identity = process.given.fds[1];
  process.vitals = static_cast<Vitals*>(map_file(vitals, vitals_bytes, true));
  if (process.vitals == nullptr) fail("there is no vitals page");
  const size_t bytes = sizeof(Identity) + table.config_size;
  process.identity = static_cast<const Identity*>(map_file(identity, bytes, false));
  if (process.identity == nullptr) fail("there is no identity page, or it is too short");
  if (const char* fault = fault_of(*process.identity, table)) fail(fault);
  if (table.ports == Ports::packet && process.identity->port_count + 2 != process.given_count)
    fail("it was given another number of ports than its identity names");
  open_vitals(*process.vitals, table.counter_count);
  close(vitals);
  close(identity);
}

void log_line(const char* line) {
  write(1, line, text_length(line));
  write(1, "\n", 1);
}

void fail(const char* reason) {
  const uint32_t length = text_length(reason);
  if (process.vitals != nullptr) set_failed(*process.vitals, reason, length);
  tell(AgentMessage::failed, 0, reason, length);
  write(2, process.name, text_length(process.name));
  write(2, ": ", 2);
  write(2, reason, length);
  write(2, "\n", 1);
  exit_process(1);
}

void announce_ready(uint64_t now_ns) {
  set_ready(*process.vitals, now_ns);
  tell(AgentMessage::ready, 0, nullptr, 0);
}

bool tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count) {
  AgentHeader header{static_cast<uint32_t>(type), count, value, 0};
  IoVector parts[] = {{&header, sizeof header}, {const_cast<void*>(bytes), count}};
  MessageHeader message{};
  message.vectors = parts;
  message.vector_count = 2;
  for (int attempt = 0; attempt < 2; attempt++) {
    const long sent = send_message(fd_agent, message, message_dont_wait);
    if (sent >= 0) return true;
    if (sent != error_again) return false;
    // A state is larger than the socket's buffer: give the platform time to read, once a message.
    PollFd room{fd_agent, poll_out, 0};
    if (wait_ready(&room, 1, 2'000'000'000) == 0) return false;
  }
  return false;
}

}  // namespace vireo::vnf::posix
