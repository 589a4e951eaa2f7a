// SPDX-License-Identifier: Apache-2.0
// A machine that waits for its identity, as a file: other machines of the same image begin with a
// copy-on-write mapping of it instead of booting.
//
// The file: the guest's memory, sparse, then one page with a TemplateState. Whoever makes the file
// gives it its size and seals it before it is used; its content was written by a process that a
// guest may have taken over, so nothing in it can do more than that guest could.
#pragma once
#include <linux/kvm.h>

#include <cstdint>

#include "vmm/guest_memory.h"
#include "vmm/virtio_net.h"
#include "vmm/vmm_protocol.h"
#include "vnf/abi.h"

namespace vireo::vmm {

inline constexpr uint32_t template_magic = 0x706d7476;  // "vtmp"
inline constexpr uint32_t template_version = 1;

struct TemplateState {
  uint32_t magic = template_magic, version = template_version;
  uint64_t memory_bytes = 0, writable_begin = 0, page_tables = 0;
  kvm_regs general{};
  kvm_fpu floating{};
  VirtioNet::State devices[vnf::max_ports] = {};
};
static_assert(sizeof(TemplateState) <= template_state_bytes);

// Pages without content are left out. False: errno says why.
bool write_template(int file, GuestMemory& memory, const TemplateState& state);

// nullptr, or why it is no template of so much memory: a sentence's rest after "the template ".
const char* read_template(int file, uint64_t memory_bytes, TemplateState& state);

// Maps the file as the memory of a new machine. nullptr, or why not, as above.
const char* open_template(int file, uint64_t memory_bytes, GuestMemory& memory,
                          TemplateState& state);

}  // namespace vireo::vmm
