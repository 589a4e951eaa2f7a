// SPDX-License-Identifier: Apache-2.0
#include "unikernel/qemu.h"

#include "unikernel/control.h"
#include "unikernel/qemu_clock.h"
#include "unikernel/qemu_io.h"

namespace vireo::unikernel::qemu {

namespace {

constexpr uint16_t serial = 0x3f8, serial_status = serial + 5, debug_exit = 0xf4;
constexpr uint8_t serial_empty = 0x20;
// virtio 1.1, 4.2.2.
constexpr uint64_t interrupt_status = 0x060, interrupt_acknowledge = 0x064;

struct Device {
  uint64_t registers;
  uint32_t interrupt;
};
constinit Device devices[vnf::max_ports] = {};
constinit uint32_t device_count = 0;
constinit Clock clock{};
constinit machine::BootPage* page = nullptr;

// The text behind `word` when it is there, else nullptr.
const char* behind(const char* text, const char* word) {
  for (; *word != 0; text++, word++)
    if (*text != *word) return nullptr;
  return text;
}

uint64_t number(const char*& text) {
  const uint64_t base = behind(text, "0x") != nullptr ? 16 : 10;
  if (base == 16) text += 2;
  for (uint64_t value = 0;; text++) {
    const bool letter = *text >= 'a' && *text <= 'f';
    if (!(*text >= '0' && *text <= '9') && !(letter && base == 16)) return value;
    value = value * base + static_cast<uint64_t>(letter ? *text - 'a' + 10 : *text - '0');
  }
}

void add_device(const char* text) {
  number(text);
  if (*text++ != '@') return;
  const uint64_t registers = number(text);
  if (*text++ != ':' || device_count == vnf::max_ports) return;
  devices[device_count++] = {registers, static_cast<uint32_t>(number(text))};
}

// A line that stays up would not interrupt again: it is taken down before the queues are looked at.
void acknowledge() {
  for (uint32_t i = 0; i < device_count; i++) {
    const uint32_t status = register_at(devices[i].registers + interrupt_status);
    if (status != 0) register_at(devices[i].registers + interrupt_acknowledge) = status;
  }
}

// The identity is there from the start on: the first wait, for it, is the clock's.
void begin() {
  if (!clock.measure()) {
    print("unikernel: the interval timer stands (it needs microvm's pit=on)\n");
    end(1);
  }
  page->tsc_khz = clock.khz();
  page->begun = 1;
}

void wait(uint32_t microseconds) {
  if (page->begun == 0) {
    begin();
  } else if (microseconds != 0) {
    set_timer(microseconds == machine::wait_for_ever ? 0 : clock.timer_ticks(microseconds));
    sleep();
    acknowledge();
  }
  page->now_ns = clock.now_ns();
}

// There is no platform to tell, but whoever looks at the console.
int64_t call(const machine::Call& call) {
  const auto* text = reinterpret_cast<const char*>(call.address);
  switch (static_cast<machine::CallKind>(call.kind)) {
    case machine::CallKind::print:
      print(text);
      return call.bytes;
    case machine::CallKind::end:
      end(static_cast<uint32_t>(call.value));
    case machine::CallKind::tell:
      if (call.value >> 32 != static_cast<uint64_t>(vnf::AgentMessage::ready)) return -1;
      print("ready\n");
      return 0;
    case machine::CallKind::hear:
      break;
  }
  return 0;
}

uint64_t network_device(uint32_t port) { return port < device_count ? devices[port].registers : 0; }

constexpr Platform platform{wait, call, network_device};

}  // namespace

void find_devices(const char* command_line) {
  for (; *command_line != 0; command_line++)
    if (const char* value = behind(command_line, "virtio_mmio.device=")) add_device(value);
}

void open(machine::BootPage& boot_page) {
  page = &boot_page;
  page->port_count = device_count;
  open_interrupts();
  clock.open();
  for (uint32_t i = 0; i < device_count; i++) route_interrupt(devices[i].interrupt);
  replace_control(platform);
}

void print(const char* text) {
  for (; *text != 0; text++) {
    while ((read_port(serial_status) & serial_empty) == 0) {
    }
    write_port(serial, static_cast<uint8_t>(*text));
  }
}

// A fault without a table of gates resets the machine.
void end(uint32_t code) {
  write_port(debug_exit, static_cast<uint8_t>(code));
  constexpr struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } none{};
  asm volatile("lidt %0; ud2" : : "m"(none));
  __builtin_unreachable();
}

}  // namespace vireo::unikernel::qemu
