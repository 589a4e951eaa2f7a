// SPDX-License-Identifier: Apache-2.0
// The state of a KVM processor in 64-bit mode, without a table of interrupts: a fault ends the
// machine (KVM_EXIT_SHUTDOWN).
#pragma once
#include <linux/kvm.h>

#include <cstdint>

namespace vireo {

inline constexpr uint8_t kernel_ring = 0, user_ring = 3;

// Selectors and rights as Linux has them (arch/x86/include/asm/segment.h).
inline void enter_long_mode(kvm_sregs& special, uint64_t page_tables, uint8_t ring) {
  kvm_segment code{};
  code.limit = 0xffffffff;
  code.selector = ring == user_ring ? 0x33 : 0x10;
  code.type = 11;  // executable, readable, accessed
  code.present = code.s = code.g = code.l = 1;
  code.dpl = ring;
  kvm_segment data = code;
  data.selector = ring == user_ring ? 0x2b : 0x18;
  data.type = 3;  // writable, accessed
  data.l = 0;
  data.db = 1;
  special.cs = code;
  special.ds = special.es = special.ss = special.fs = special.gs = data;
  special.gdt.base = special.idt.base = 0;
  special.gdt.limit = special.idt.limit = 0;
  special.tr.base = 0;
  special.tr.limit = 0x67;
  special.tr.type = 11;
  special.tr.present = 1;
  special.tr.s = 0;
  special.tr.selector = 0;
  special.cr3 = page_tables;
  special.cr4 = 0x620;       // PAE, OSFXSR, OSXMMEXCPT
  special.cr0 = 0x80050033;  // PG, AM, WP, NE, ET, MP, PE
  special.efer = 0xd01;      // NXE, LMA, LME, SCE
}

}  // namespace vireo
