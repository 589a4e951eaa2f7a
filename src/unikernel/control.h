// SPDX-License-Identifier: Apache-2.0
// The guest's end of the control device (machine.h).
#pragma once
#include "unikernel/machine.h"
#include "vnf/abi.h"

namespace vireo::unikernel {

// Once, before everything else.
void open_control(const machine::BootPage* page);
// The VMM writes it whenever the guest waits.
const volatile machine::BootPage& boot();

void wait(uint32_t microseconds);
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
