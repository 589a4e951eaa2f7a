// SPDX-License-Identifier: Apache-2.0
// The first instruction under QEMU (pvh.h), with the start information's address in ebx: a first
// map of one gigabyte, 64-bit mode with the control registers that vireo-vmm sets, pvh_start.

// Intel SDM 3A, 4.5 (0x83: present, writable, 2 MiB; 3: present, writable) and 10.8.5 (the order).
asm(R"(
.pushsection .note.pvh, "a", @note
  .align 4
  .long 4, 4, 18                  # XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long pvh_entry
.popsection

.pushsection .text.pvh, "ax"
.code32
pvh_entry:
  cld
  cli
  mov $first_tables + 0x2000, %edi
  mov $0x83, %eax
1:
  mov %eax, (%edi)
  add $8, %edi
  add $0x200000, %eax
  cmp $0x40000000, %eax
  jb 1b
  movl $first_tables + 0x2003, first_tables + 0x1000
  movl $first_tables + 0x1003, first_tables
  mov $first_tables, %eax
  mov %eax, %cr3
  mov $0x620, %eax                # PAE, OSFXSR, OSXMMEXCPT
  mov %eax, %cr4
  mov $0xc0000080, %ecx
  rdmsr
  or $0x900, %eax                 # NXE, LME
  wrmsr
  mov $0x80050033, %eax           # PG, AM, WP, NE, ET, MP, PE
  mov %eax, %cr0
  lgdt segment_table_register
  ljmp $8, $2f
.code64
2:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov %ebx, %edi
  lea stack_top(%rip), %rsp
  xor %ebp, %ebp
  call pvh_start
  ud2
.popsection

.pushsection .rodata.pvh, "a"
  .align 8
segment_table:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
segment_table_register:
  .word 23
  .long segment_table
.popsection

.pushsection .bss.pvh, "aw", @nobits
  .align 4096
first_tables:
  .skip 3 * 4096
.popsection
)");
