// SPDX-License-Identifier: Apache-2.0
// QEMU's microvm (hw/i386/microvm.c) in the place of the control device: the console is COM1, time
// is the processor's counter measured with the interval timer, and a wait sleeps until a network
// device or the local APIC's timer interrupts. All that needs ring 0 is in qemu*.cc and pvh*.cc.
#pragma once
#include "unikernel/machine.h"

namespace vireo::unikernel::qemu {

inline constexpr uint64_t network_begin = 0xfeb00000, io_apic = 0xfec00000, local_apic = 0xfee00000;

// The network devices, in the order of `virtio_mmio.device=BYTES@ADDRESS:INTERRUPT` on the command
// line (Documentation/admin-guide/kernel-parameters.txt of the kernel).
void find_devices(const char* command_line);
// With the page tables in force: interrupts, clock, and the answers to control.h.
void open(machine::BootPage& page);

void print(const char* text);
// By `-device isa-debug-exit,iobase=0xf4,iosize=0x4` with 2 * code + 1, else as a reset.
[[noreturn]] void end(uint32_t code);

}  // namespace vireo::unikernel::qemu
