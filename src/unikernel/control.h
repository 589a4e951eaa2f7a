// SPDX-License-Identifier: Apache-2.0
// The guest's end of the control device (machine.h), or of what stands in for it.
#pragma once
#include "unikernel/machine.h"
#include "vnf/abi.h"

namespace vireo::unikernel {

// A machine without a control device (qemu.h): what it does instead.
struct Platform {
  void (*wait)(uint32_t microseconds);
  int64_t (*call)(const machine::Call& call);
  uint64_t (*network_device)(uint32_t port);
};
// Before open_control.
void replace_control(const Platform& platform);

// Once, before everything else.
void open_control(const machine::BootPage* page);
// The VMM writes it whenever the guest waits.
const volatile machine::BootPage& boot();

// Registers of a port's device; 0: there is none.
uint64_t network_device(uint32_t port);
// Whether the devices look at their queues only when they are told to.
bool must_notify();

void wait(uint32_t microseconds);
// Instead, in a loop that polls.
inline void relax() { __builtin_ia32_pause(); }
void print(const char* text);
[[noreturn]] void end(uint32_t code);

uint64_t cycles();
// CLOCK_MONOTONIC; never goes back.
uint64_t now_ns();
// After each wait: the VMM has written the time anew.
void synchronise_clock();

// Zeroed pages of the heap, for ever; nullptr: not so many are left.
void* heap(uint64_t bytes);
uint64_t heap_left();

}  // namespace vireo::unikernel
