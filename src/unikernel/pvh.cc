// SPDX-License-Identifier: Apache-2.0
#include "unikernel/pvh.h"

#include "unikernel/qemu.h"
#include "vnf/abi.h"

namespace vireo::unikernel::pvh {

namespace {

constexpr uint32_t memory_type = 1;

[[noreturn]] void refuse(const char* reason) {
  qemu::print("unikernel: ");
  qemu::print(reason);
  qemu::print("\n");
  qemu::end(1);
}

template <class T>
const T* at(uint64_t address) {
  return reinterpret_cast<const T*>(address);
}

// Where the memory ends that holds the image.
uint64_t memory_end(const StartInfo& info) {
  if (info.version == 0) return 0;
  const auto* ranges = at<MemoryRange>(info.memory_map);
  for (uint32_t i = 0; i < info.memory_map_count; i++) {
    const uint64_t end = ranges[i].begin + ranges[i].bytes;
    if (ranges[i].type == memory_type && ranges[i].begin <= machine::image_begin &&
        end > machine::image_begin)
      return end;
  }
  return 0;
}

void check_identity(const Module& module) {
  constexpr uint64_t most = machine::image_begin - machine::identity_begin;
  const auto* identity = at<vnf::Identity>(module.begin);
  if (module.begin % machine::page_bytes != 0 || module.bytes > most ||
      module.bytes < sizeof(vnf::Identity) ||
      module.bytes - sizeof(vnf::Identity) < identity->config_bytes)
    refuse("-initrd is not an identity with its configuration");
}

// The heap lies below the identity, which must not be in a page to write.
Places read(const StartInfo& info) {
  if (info.magic != start_magic) refuse("this is no start by PVH");
  if (info.module_count == 0) refuse("it needs -initrd with its identity and configuration");
  Places places{};
  places.memory_end = memory_end(info);
  if (places.memory_end > machine::largest_memory) places.memory_end = machine::largest_memory;
  const Module& module = *at<Module>(info.modules);
  if (module.begin < machine::heap_begin || module.begin >= places.memory_end)
    refuse("-initrd lies outside the first gigabyte of memory");
  check_identity(module);
  places.identity = module.begin;
  places.identity_bytes = module.bytes;
  places.memory_end = module.begin - module.begin % machine::large_page_bytes;
  if (places.memory_end < machine::smallest_memory) refuse("it needs -m 10 or more");
  return places;
}

void fill_boot_page(const Places& places) {
  auto* page = reinterpret_cast<machine::BootPage*>(machine::boot_page);
  __builtin_memset(page, 0, machine::page_bytes);
  __builtin_memset(reinterpret_cast<void*>(machine::vitals_page), 0, machine::page_bytes);
  page->magic = machine::boot_magic;
  page->version = machine::machine_version;
  page->memory_bytes = places.memory_end;
}

}  // namespace

// All that the firmware left is read before anything is written to where it may lie.
extern "C" [[noreturn]] void pvh_start(const StartInfo* info) {
  const Places places = read(*info);
  qemu::find_devices(at<char>(info->command_line));
  make_page_tables(places);
  fill_boot_page(places);
  asm volatile("mov %0, %%cr3" : : "r"(machine::page_tables) : "memory");
  qemu::open(*reinterpret_cast<machine::BootPage*>(machine::boot_page));
  asm volatile("jmp machine_entry" : : "D"(machine::boot_page) : "memory");
  __builtin_unreachable();
}

}  // namespace vireo::unikernel::pvh
