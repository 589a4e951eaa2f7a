// SPDX-License-Identifier: Apache-2.0
// What is told of a guest that faulted.
#pragma once
#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>

namespace vireo::vmm {

inline constexpr size_t fault_text_bytes = 192;

// "fault in vireo::vnf::Nat::handle(...)+0x4c at instruction 0x200123, stack 0x23aff8", the name
// from the image's file (symbols.h; -1: no name). Returns its length.
uint32_t describe_fault(const char* reason, const kvm_regs& registers, int image,
                        char (&text)[fault_text_bytes]);

// All of them, a line for the log.
void log_registers(const kvm_regs& registers);

}  // namespace vireo::vmm
