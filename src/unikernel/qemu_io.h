// SPDX-License-Identifier: Apache-2.0
// Ports and interrupts of a PC, for ring 0.
#pragma once
#include <stdint.h>

namespace vireo::unikernel::qemu {

inline void write_port(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

inline uint8_t read_port(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

inline volatile uint32_t& register_at(uint64_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

// Faults end the machine and say where; interrupts stay off but for sleep().
void open_interrupts();
void route_interrupt(uint32_t line);
// Until the next interrupt, or one that came since the last sleep.
void sleep();

// The local APIC's timer, which interrupts once; 0: never.
void set_timer(uint32_t ticks);
uint32_t timer_left();

}  // namespace vireo::unikernel::qemu
