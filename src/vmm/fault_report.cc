// SPDX-License-Identifier: Apache-2.0
#include "vmm/fault_report.h"

#include <cstdio>

#include "vmm/symbols.h"

namespace vireo::vmm {

namespace {

// KVM on AMD cannot know the registers after a shutdown and resets them; no image lies there.
constexpr uint64_t reset_vector = 0xfff0;

unsigned long long wide(uint64_t value) { return value; }

}  // namespace

uint32_t describe_fault(const char* reason, const kvm_regs& registers, int image,
                        char (&text)[fault_text_bytes]) {
  char place[most_name_bytes + 24] = "";
  const bool named = name_place(image, registers.rip, place, sizeof place) > 0;
  const int length =
      registers.rip == reset_vector
          ? std::snprintf(text, sizeof text,
                          "%s; where is not known: this KVM resets the registers", reason)
          : std::snprintf(text, sizeof text, "%s%s%s at instruction 0x%llx, stack 0x%llx", reason,
                          named ? " in " : "", place, wide(registers.rip), wide(registers.rsp));
  const auto most = static_cast<int>(sizeof text) - 1;
  return static_cast<uint32_t>(length < most ? length : most);
}

void log_registers(const kvm_regs& r) {
  std::fprintf(
      stderr,
      "rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx rbp %llx rsp %llx r8 %llx "
      "r9 %llx r10 %llx r11 %llx r12 %llx r13 %llx r14 %llx r15 %llx rip %llx flags %llx\n",
      wide(r.rax), wide(r.rbx), wide(r.rcx), wide(r.rdx), wide(r.rsi), wide(r.rdi), wide(r.rbp),
      wide(r.rsp), wide(r.r8), wide(r.r9), wide(r.r10), wide(r.r11), wide(r.r12), wide(r.r13),
      wide(r.r14), wide(r.r15), wide(r.rip), wide(r.rflags));
}

}  // namespace vireo::vmm
