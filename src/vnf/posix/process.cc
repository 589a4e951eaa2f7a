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

void set_state(FunctionState state) {
  if (process.vitals == nullptr) return;  // ended before it began
  __atomic_store_n(&process.vitals->state, static_cast<uint32_t>(state), __ATOMIC_RELEASE);
}

// Nothing has to be finished: every packet that was taken has been sent before the next is taken.
void end_on_signal(int) {
  set_state(FunctionState::draining);
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

const char* fault_of(const Identity& identity, const FunctionTable& table) {
  if (identity.magic != identity_magic) return "the identity page is no identity page";
  if (identity.abi != vnf_abi_version) return "the platform speaks another version of the ABI";
  if (identity.config_bytes != table.config_size) return "the configuration has another size";
  if (identity.port_count > max_ports) return "too many ports";
  if (table.ports == Ports::packet && identity.port_count + 2 != process.given_count)
    return "it was given another number of ports than its identity names";
  if (identity.port_count < table.fewest_ports) return "too few ports";
  if (identity.port_count > table.most_ports) return "more ports than this function has";
  for (uint32_t i = 0; i < identity.port_count; i++)
    if (identity.ports[i].address_count > max_addresses ||
        identity.ports[i].neighbour_count > max_neighbours)
      return "a port has more addresses than fit";
  return nullptr;
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
  process.vitals->abi = vnf_abi_version;
  process.vitals->counter_count = table.counter_count;
  __atomic_store_n(&process.vitals->magic, vitals_magic, __ATOMIC_RELEASE);
  close(vitals);
  close(identity);
}

void fail(const char* reason) {
  const uint32_t length = text_length(reason);
  if (process.vitals != nullptr) {
    const uint32_t room = sizeof process.vitals->reason - 1;
    __builtin_memcpy(process.vitals->reason, reason, length < room ? length : room);
    process.vitals->abi = vnf_abi_version;
    __atomic_store_n(&process.vitals->magic, vitals_magic, __ATOMIC_RELEASE);
    set_state(FunctionState::failed);
  }
  tell(AgentMessage::failed, 0, reason, length);
  write(2, process.name, text_length(process.name));
  write(2, ": ", 2);
  write(2, reason, length);
  write(2, "\n", 1);
  exit_process(1);
}

void announce_ready(uint64_t now_ns) {
  store(process.vitals->ready_at_ns, now_ns);
  add(process.vitals->heartbeat, 1);
  set_state(FunctionState::ready);
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
