// SPDX-License-Identifier: Apache-2.0
#include "unikernel/run.h"

#include "unikernel/ports.h"
#include "vnf/back_end.h"
#include "vnf/state_stream.h"
#include "vnf/vitals.h"

namespace vireo::unikernel {

namespace {

struct Machine {
  const vnf::FunctionEntry* function;
  Ports ports;
  uint64_t next_tick_ns, next_transmit_ns, last_work_ns, spin_ns;
  uint64_t turns, last_turn_ns;  // of who looks at the queues
  uint32_t looks;                // of ours, since it was asked for them
};
constinit Machine machine_state{};

const vnf::Identity& identity() {
  return *reinterpret_cast<const vnf::Identity*>(machine::identity_begin);
}
vnf::Vitals& vitals() { return *reinterpret_cast<vnf::Vitals*>(machine::vitals_page); }

uint32_t length_of(const char* text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

[[noreturn]] void fail(const char* reason) {
  if (boot().begun != 0) vnf::set_failed(vitals(), reason, length_of(reason));
  vnf::back_end::tell(vnf::AgentMessage::failed, 0, reason, length_of(reason));
  print(machine_state.function->table->name);
  print(": ");
  print(reason);
  print("\n");
  end(1);
}

void log_line(const char* line) {
  print(line);
  print("\n");
}

void await_identity() {
  while (boot().begun == 0) wait(machine::wait_for_ever);
  synchronise_clock();
  const vnf::FunctionTable& table = *machine_state.function->table;
  if (const char* fault = vnf::fault_of(identity(), table)) fail(fault);
  vnf::open_vitals(vitals(), table.counter_count);
  machine_state.spin_ns = uint64_t{identity().spin_microseconds} * 1000;
}

void configure() {
  const vnf::Context context{&identity(), &vitals(), vnf::back_end::memory, fail, log_line};
  if (!machine_state.function->configure(context, &identity() + 1))
    fail("it cannot work with this configuration");
}

void work_began(uint64_t now) {
  machine_state.last_work_ns = now;
  if (machine_state.next_tick_ns <= now + vnf::busy_tick_ns) return;
  machine_state.next_tick_ns = now + vnf::busy_tick_ns;
  vnf::store(vitals().quiet_until_ns, 0);
}

bool serve_port(uint32_t port) {
  vnf::Batch batch{};
  const uint64_t started = cycles();
  machine_state.ports.receive(port, batch, vitals());
  if (batch.count == 0) return false;
  batch.now_ns = now_ns();
  work_began(batch.now_ns);  // first: it may hang in what comes
  machine_state.function->process(batch);
  machine_state.ports.send(batch, vitals());
  vnf::note_batch(vitals(), now_ns() - batch.now_ns, cycles() - started);
  machine_state.next_transmit_ns = 0;
  return true;
}

// What the function sends of its own accord.
void transmit() {
  for (uint32_t round = 0; round < vnf::transmit_rounds; round++) {
    vnf::Batch batch{};
    const uint64_t started = cycles();
    machine_state.ports.lend(batch);
    batch.now_ns = now_ns();
    machine_state.next_transmit_ns = machine_state.function->transmit(batch);
    machine_state.ports.send(batch, vitals());
    if (batch.extra_count > 0) {
      vnf::note_batch(vitals(), now_ns() - batch.now_ns, cycles() - started);
      work_began(batch.now_ns);
    }
    if (machine_state.next_transmit_ns > batch.now_ns) return;
  }
}

void serve_platform() {
  vnf::AgentHeader header{};
  while (boot().agent_waits != 0 &&
         vnf::back_end::hear(&header, sizeof header, 0) == static_cast<long>(sizeof header))
    vnf::serve_message(*machine_state.function, header);
}

void tick(uint64_t now) {
  vnf::add(vitals().heartbeat, 1);
  machine_state.function->tick(now);
  machine_state.next_transmit_ns = 0;  // it may have begun something
  const uint64_t rested = now - machine_state.last_work_ns;
  if (rested > vnf::quiet_after_ns && vitals().flows == 0 &&
      machine_state.function->transmit == nullptr) {
    machine_state.next_tick_ns = now + vnf::quiet_tick_ns;
    vnf::store(vitals().quiet_until_ns, machine_state.next_tick_ns + vnf::quiet_margin_ns);
    return;
  }
  machine_state.next_tick_ns =
      now + (rested > vnf::idle_after_ns ? vnf::idle_tick_ns : vnf::busy_tick_ns);
}

uint32_t patience(uint64_t now) {
  if (now - machine_state.last_work_ns < machine_state.spin_ns) return 0;
  uint64_t next = machine_state.next_tick_ns;
  if (machine_state.function->transmit != nullptr && machine_state.next_transmit_ns < next)
    next = machine_state.next_transmit_ns;
  if (now >= next) return 0;
  return static_cast<uint32_t>((next - now) / 1000 + 1);
}

// Nobody has looked at the queues for so long: who should waits for a processor, maybe for ours.
constexpr uint64_t longest_turn_ns = 100'000;
constexpr uint32_t looks_between = 64;  // what another processor writes is dear to read

bool is_looked_after(uint64_t now) {
  if (++machine_state.looks < looks_between) return true;
  machine_state.looks = 0;
  const uint64_t turns = boot().turns;
  if (turns != machine_state.turns) machine_state.last_turn_ns = now;
  machine_state.turns = turns;
  return now - machine_state.last_turn_ns < longest_turn_ns;
}

// A guest whose queues are polled leaves its loop at its ticks, and when it has rested.
bool may_stay(uint32_t microseconds) {
  if (microseconds != 0 || boot().polled == 0) return false;
  const uint64_t now = now_ns();
  return now < machine_state.next_tick_ns && is_looked_after(now);
}

void look(uint32_t microseconds) {
  machine_state.ports.refill();
  if (may_stay(microseconds)) {
    relax();
  } else {
    wait(microseconds);
    synchronise_clock();
    machine_state.last_turn_ns = now_ns();
  }
  for (uint32_t port = 0; port < machine_state.ports.count(); port++) serve_port(port);
}

[[noreturn]] void serve() {
  for (;;) {
    look(patience(now_ns()));
    if (boot().agent_waits != 0) serve_platform();
    const uint64_t now = now_ns();
    if (now >= machine_state.next_tick_ns) tick(now);
    if (machine_state.function->transmit != nullptr && now >= machine_state.next_transmit_ns)
      transmit();
  }
}

}  // namespace

void run(const machine::BootPage* page, const vnf::FunctionEntry& function) {
  open_control(page);
  machine_state.function = &function;
  if (!machine_state.ports.prepare(boot().port_count)) fail("a port's device does not work");
  await_identity();
  const uint64_t began = cycles();
  configure();
  if (!machine_state.ports.prepare(identity().port_count)) fail("a port's device does not work");
  if (!machine_state.ports.open(identity().port_count)) fail("no memory for packets");
  const uint64_t now = now_ns();
  machine_state.next_tick_ns = now + vnf::idle_tick_ns;
  machine_state.last_work_ns = now;
  vnf::store(vitals().busy_cycles, cycles() - began);  // what it took to start
  vnf::set_ready(vitals(), now);
  look(0);  // what waits already is answered with the same exit as says so
  vnf::back_end::tell(vnf::AgentMessage::ready, 0, nullptr, 0);
  serve();
}

}  // namespace vireo::unikernel
