// SPDX-License-Identifier: Apache-2.0
// A process's first instruction.
#include "vnf/posix/system_call.h"

int main();

extern "C" {

// The kernel enters with the stack aligned to 16 bytes, as a call's target must not find it.
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall vireo_start\n\thlt\n");

[[noreturn, gnu::used]] void vireo_start() { vireo::vnf::posix::exit_process(main()); }
}
