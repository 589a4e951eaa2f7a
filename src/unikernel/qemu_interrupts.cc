// SPDX-License-Identifier: Apache-2.0
#include "unikernel/qemu.h"
#include "unikernel/qemu_io.h"

// An interrupt does nothing but end a sleep. sti takes effect behind the next instruction: none is
// lost between the two. It is called, so the red zone of its caller is not in use.
asm(R"(
.pushsection .text.qemu, "ax"
sleep_once:
  sti
  hlt
  cli
  ret
wake:
  push %rax
  mov $0xfee000b0, %eax           # the local APIC's end of interrupt
  movl $0, (%rax)
  pop %rax
spurious:
  iretq
fault_without_code:
  push $0
fault_with_code:
  cld
  mov %rsp, %rdi
  and $-16, %rsp
  call machine_fault
.popsection
)");
extern "C" void sleep_once();
extern "C" const char wake[], spurious[], fault_without_code[], fault_with_code[];

namespace vireo::unikernel::qemu {

namespace {

// Intel SDM 3A, 6.14.1 (gates), 10.4 and 10.5 (local APIC); 82093AA (I/O APIC).
constexpr uint32_t fault_count = 32, wake_vector = 0x40, spurious_vector = 0xff;
constexpr uint32_t faults_with_code = 1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21 | 3u << 29;
constexpr uint64_t apic_id = 0x20, apic_spurious = 0xf0, apic_timer = 0x320;
constexpr uint64_t apic_timer_initial = 0x380, apic_timer_current = 0x390,
                   apic_timer_divide = 0x3e0;
constexpr uint32_t apic_enable = 0x100, divide_by_16 = 3;
constexpr uint32_t io_apic_lines = 24;

struct Gate {
  uint16_t low, selector;
  uint8_t stack, type;
  uint16_t middle;
  uint32_t high, reserved;
};
constinit Gate gates[256] = {};

struct [[gnu::packed]] TableRegister {
  uint16_t limit;
  const void* base;
};

Gate gate_to(const char* code) {
  constexpr uint16_t code_segment = 8;
  constexpr uint8_t interrupt_gate = 0x8e;
  const auto at = reinterpret_cast<uint64_t>(code);
  return {static_cast<uint16_t>(at),
          code_segment,
          0,
          interrupt_gate,
          static_cast<uint16_t>(at >> 16),
          static_cast<uint32_t>(at >> 32),
          0};
}

void print_hex(const char* before, uint64_t value) {
  char digits[17] = {};
  for (uint32_t i = 0; i < 16; i++) digits[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
  const char* first = digits;
  while (first[0] == '0' && first[1] != 0) first++;
  print(before);
  print(first);
}

struct Frame {
  uint64_t code, instruction, segment, flags, stack;
};

}  // namespace

extern "C" [[noreturn]] void machine_fault(const Frame* frame) {
  print_hex("fault at instruction 0x", frame->instruction);
  print_hex(", stack 0x", frame->stack);
  print("\n");
  end(1);
}

// The two 8259 stay out of it.
void open_interrupts() {
  for (uint32_t i = 0; i < fault_count; i++)
    gates[i] = gate_to((faults_with_code >> i & 1) != 0 ? fault_with_code : fault_without_code);
  gates[wake_vector] = gate_to(wake);
  gates[spurious_vector] = gate_to(spurious);
  const TableRegister table{sizeof gates - 1, gates};
  asm volatile("lidt %0" : : "m"(table));
  write_port(0x21, 0xff);
  write_port(0xa1, 0xff);
  register_at(local_apic + apic_spurious) = apic_enable | spurious_vector;
  register_at(local_apic + apic_timer_divide) = divide_by_16;
  register_at(local_apic + apic_timer) = wake_vector;
}

void route_interrupt(uint32_t line) {
  if (line >= io_apic_lines) return;
  auto write = [](uint32_t index, uint32_t value) {
    register_at(io_apic) = index;
    register_at(io_apic + 0x10) = value;
  };
  write(0x11 + 2 * line, register_at(local_apic + apic_id));
  write(0x10 + 2 * line, wake_vector);
}

void sleep() { sleep_once(); }

void set_timer(uint32_t ticks) { register_at(local_apic + apic_timer_initial) = ticks; }
uint32_t timer_left() { return register_at(local_apic + apic_timer_current); }

}  // namespace vireo::unikernel::qemu
