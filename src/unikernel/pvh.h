// SPDX-License-Identifier: Apache-2.0
// The machine that QEMU's microvm starts by PVH (Xen's public/arch-x86/hvm/start_info.h): in ring
// 0, without paging, with a structure that says where memory, command line and modules lie. Its
// first module (-initrd) is the identity with the configuration behind it (vnf/abi.h). What
// machine.h names is made of it here, in the place of a VMM; then the image begins as it does
// there.
#pragma once
#include "unikernel/machine.h"

namespace vireo::unikernel::pvh {

inline constexpr uint32_t start_magic = 0x336ec578;

struct StartInfo {
  uint32_t magic, version, flags, module_count;
  uint64_t modules, command_line, firmware;
  uint64_t memory_map;  // from version 1 on
  uint32_t memory_map_count, reserved;
};

struct Module {
  uint64_t begin, bytes, command_line, reserved;
};

struct MemoryRange {
  uint64_t begin, bytes;
  uint32_t type, reserved;  // 1: memory
};

struct Places {
  uint64_t memory_end;  // of the heap, whole large pages
  uint64_t identity, identity_bytes;
};

// The map of machine.h with the rights of vmm/image.h's, for ring 0: at machine::page_tables, which
// must not be in use. The identity's pages are mapped from where they lie.
void make_page_tables(const Places& places);

}  // namespace vireo::unikernel::pvh
