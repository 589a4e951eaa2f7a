// SPDX-License-Identifier: Apache-2.0
// The first instruction, with the address of the boot page in rdi; and the note without which the
// VMM takes no image.
#include "unikernel/machine.h"

asm(".pushsection .text.entry, \"ax\"\n"
    ".globl machine_entry\n"
    ".type machine_entry, @function\n"
    "machine_entry:\n"
    "\tlea stack_top(%rip), %rsp\n"
    "\txor %ebp, %ebp\n"
    "\tcall machine_start\n"
    "\tud2\n"
    ".size machine_entry, . - machine_entry\n"
    ".popsection\n");

extern const vireo::machine::ImageNote vireo_note;
[[gnu::section(".note.vireo")]] const vireo::machine::ImageNote vireo_note =
    vireo::machine::image_note;
