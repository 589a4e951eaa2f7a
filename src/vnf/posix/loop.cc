// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/loop.h"

#include "vnf/posix/agent.h"
#include "vnf/posix/clock.h"
#include "vnf/posix/memory.h"
#include "vnf/posix/port_io.h"

namespace vireo::vnf::posix {

namespace {

constexpr uint32_t stack_fds = 24;

struct Loop {
  const ProcessEntry* function;
  Clock clock;
  PortIo ports;
  // [0] is the agent, then the ports, or what a function with sockets waits for.
  PollFd fds[1 + stack_fds];
  uint32_t fd_count;
  uint64_t spin_ns;
  uint64_t next_tick_ns;
  uint64_t next_transmit_ns;
  uint64_t last_work_ns;
};
constinit Loop loop{};

void batch_ended(uint64_t started_cycles, uint64_t started_ns) {
  note_batch(vitals(), loop.clock.now() - started_ns, cycles() - started_cycles);
}

void work_began(uint64_t now) {
  loop.last_work_ns = now;
  if (loop.next_tick_ns > now + busy_tick_ns) loop.next_tick_ns = now + busy_tick_ns;
}

void serve_port(uint32_t port) {
  PollFd& fd = loop.fds[1 + port];
  Batch batch;
  const uint64_t started = cycles();
  // A port in an error would wake us without end: it is left alone until the next tick.
  if (!loop.ports.receive(port, batch)) fd.fd = -1;
  if (batch.count == 0) return;
  batch.now_ns = loop.clock.now();
  loop.function->process(batch);
  loop.ports.send(batch);
  batch_ended(started, batch.now_ns);
  work_began(batch.now_ns);
}

// What the function sends of its own accord.
void transmit() {
  for (uint32_t round = 0; round < transmit_rounds; round++) {
    Batch batch;
    const uint64_t started = cycles();
    loop.ports.lend(batch);
    batch.now_ns = loop.clock.now();
    loop.next_transmit_ns = loop.function->transmit(batch);
    if (batch.extra_count > 0) {
      loop.ports.send(batch);
      batch_ended(started, batch.now_ns);
      work_began(batch.now_ns);
    }
    if (loop.next_transmit_ns > batch.now_ns) return;
  }
}

void serve_ports() {
  loop.next_transmit_ns = 0;
  for (uint32_t port = 0; port < loop.ports.count(); port++)
    if (loop.fds[1 + port].returned != 0) serve_port(port);
}

void serve_sockets() {
  bool any = false;
  for (uint32_t i = 1; i < loop.fd_count; i++) any |= loop.fds[i].returned != 0;
  if (!any) return;
  const uint64_t started = cycles();
  const uint64_t now = loop.clock.now();
  loop.function->serve(loop.fds + 1, loop.fd_count - 1, now);
  batch_ended(started, now);
  work_began(now);
}

void tick(uint64_t now) {
  loop.clock.synchronise();
  add(vitals().heartbeat, 1);
  loop.function->tick(now);
  loop.next_transmit_ns = 0;  // it may have begun something
  const bool idle = now - loop.last_work_ns > idle_after_ns;
  if (idle) loop.ports.shrink();
  loop.next_tick_ns = now + (idle ? idle_tick_ns : busy_tick_ns);
  for (uint32_t port = 0; port < loop.ports.count(); port++)
    loop.fds[1 + port].fd = port_descriptor(port);
}

void open_inputs() {
  loop.fds[0] = {fd_agent, poll_in, 0};
  loop.fd_count = 1;
  if (loop.function->process == nullptr) return;
  loop.ports.open(identity());
  for (uint32_t port = 0; port < loop.ports.count(); port++)
    loop.fds[loop.fd_count++] = {port_descriptor(port), poll_in, 0};
}

int64_t patience(uint64_t now) {
  if (loop.spin_ns != 0 && now - loop.last_work_ns < loop.spin_ns) return 0;
  uint64_t next = loop.next_tick_ns;
  if (loop.function->transmit != nullptr && loop.next_transmit_ns < next)
    next = loop.next_transmit_ns;
  return now >= next ? 0 : static_cast<int64_t>(next - now);
}

[[noreturn]] void serve() {
  const bool sockets = loop.function->process == nullptr;
  for (;;) {
    if (sockets) loop.fd_count = 1 + loop.function->poll_set(loop.fds + 1, stack_fds);
    for (uint32_t i = 0; i < loop.fd_count; i++) loop.fds[i].returned = 0;
    const uint64_t now = loop.clock.now();
    if (wait_ready(loop.fds, loop.fd_count, patience(now)) > 0) {
      if (sockets)
        serve_sockets();
      else
        serve_ports();
      if (loop.fds[0].returned != 0 && !serve_agent(*loop.function)) loop.fds[0].fd = -1;
    }
    const uint64_t after = loop.clock.now();
    if (after >= loop.next_tick_ns) tick(after);
    if (loop.function->transmit != nullptr && after >= loop.next_transmit_ns) transmit();
  }
}

}  // namespace

void run(const ProcessEntry& function) {
  await_begin(*function.table);
  const uint64_t began = cycles();
  open_process(*function.table);
  loop.function = &function;
  loop.clock.start(identity().tsc_khz);
  const Context context{&identity(), &vitals(), map_memory, fail, log_line};
  if (!function.configure(context, &identity() + 1)) fail("it cannot work with this configuration");
  open_inputs();
  loop.spin_ns = uint64_t{identity().spin_microseconds} * 1000;
  const uint64_t now = loop.clock.now();
  loop.next_tick_ns = now + idle_tick_ns;
  loop.last_work_ns = now;
  store(vitals().busy_cycles, cycles() - began);  // what it took to start
  announce_ready(now);
  serve();
}

}  // namespace vireo::vnf::posix
