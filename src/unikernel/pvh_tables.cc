// SPDX-License-Identifier: Apache-2.0
#include "unikernel/pvh.h"
#include "unikernel/qemu.h"

// Borders of the segments (image.ld).
extern "C" const char text_end[], constants_begin[], constants_end[], data_begin[], data_end[],
    stack_bottom[], stack_top[];

namespace vireo::unikernel::pvh {

namespace {

constexpr uint64_t page = machine::page_bytes, large_page = machine::large_page_bytes;
constexpr uint64_t entries = 512, table_count = 6;
// Bits of an entry (Intel SDM 3A, 4.5).
constexpr uint64_t present = 1, write = 2, no_cache = 16, used = 32 | 64, large = 128;
constexpr uint64_t no_execute = 1ull << 63;
constexpr uint64_t constant = present | used | no_execute, variable = constant | write;
constexpr uint64_t code = present | used;

uint64_t address_of(const char* at) { return reinterpret_cast<uint64_t>(at); }

uint64_t* table(uint64_t number) {
  return reinterpret_cast<uint64_t*>(machine::page_tables + number * page);
}

uint64_t inner(uint64_t number) {
  return (machine::page_tables + number * page) | present | write | used;
}

// Tables 4 and 5: the pages below the image, and the image's.
void map(uint64_t at, uint64_t end, uint64_t physical, uint64_t rights) {
  for (; at < end; at += page, physical += page)
    table(4 + at / large_page)[at / page % entries] = physical | rights;
}

void map(const char* begin, const char* end, uint64_t rights) {
  map(address_of(begin), address_of(end), address_of(begin), rights);
}

void map_device(uint64_t at) {
  at -= at % large_page;
  table(3)[at / large_page % entries] = at | variable | large | no_cache;
}

}  // namespace

void make_page_tables(const Places& places) {
  __builtin_memset(table(0), 0, table_count * page);
  table(0)[0] = inner(1);
  table(1)[0] = inner(2);
  table(1)[qemu::network_begin >> 30] = inner(3);
  table(2)[0] = inner(4);
  table(2)[1] = inner(5);
  map_device(qemu::network_begin);
  map_device(qemu::io_apic);
  map_device(qemu::local_apic);
  for (uint64_t at = machine::heap_begin; at < places.memory_end; at += large_page)
    table(2)[at / large_page] = at | variable | large;
  map(machine::boot_page, machine::boot_page + page, machine::boot_page, variable);
  map(machine::vitals_page, machine::vitals_page + page, machine::vitals_page, variable);
  map(machine::identity_begin, machine::identity_begin + places.identity_bytes, places.identity,
      constant);
  map(reinterpret_cast<const char*>(machine::image_begin), text_end, code);
  map(constants_begin, constants_end, constant);
  map(data_begin, data_end, variable);
  map(stack_bottom, stack_top, variable);
}

}  // namespace vireo::unikernel::pvh
