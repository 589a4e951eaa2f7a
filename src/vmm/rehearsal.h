// SPDX-License-Identifier: Apache-2.0
// A run of a machine with a made-up identity, before it has one of its own, cut off from every
// link: afterwards KVM has the structures, and the machine the pages, that a start needs. Nothing
// else of it stays (restore_copied_pages).
#pragma once
#include "vmm/guest_memory.h"
#include "vnf/abi.h"

namespace vireo::vmm {

// Waits of the guest's until it has configured itself and answered what it was asked.
inline constexpr unsigned waits_in_rehearsal = 3;
inline constexpr uint32_t rehearsal_frame_bytes = 60;

// What a port is asked: a first TCP segment to its address from one that it knows, or else from
// 192.0.2.1 (RFC 5737).
void write_rehearsal_frame(const vnf::AbiPort& port, uint8_t* frame);

// Gives the pages of a copy-on-write mapping of `file` that were written to their content of the
// file again; they stay in memory. `pagemap` is /proc/self/pagemap
// (Documentation/admin-guide/mm/pagemap.rst). False: errno says why.
bool restore_copied_pages(int pagemap, int file, GuestMemory& memory);

}  // namespace vireo::vmm
