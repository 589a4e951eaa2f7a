// SPDX-License-Identifier: Apache-2.0
// An image's bytes: what is taken lies in the place for images, and no page of the guest is both
// writable and executable, or one of the machine's own.
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include "input.h"
#include "vmm/image.h"
#include "vmm/symbols.h"

namespace vireo::fuzz {
namespace {

constexpr uint64_t page = machine::page_bytes, table_pages = 6;
constexpr uint64_t memory_bytes = machine::smallest_memory;

// What neither the loader nor the tables may touch is poisoned.
vmm::GuestMemory& fresh_memory() {
  static vmm::GuestMemory* memory = [] {
    auto* made = new vmm::GuestMemory();
    require(made->open(memory_bytes), "no memory");
    ASAN_POISON_MEMORY_REGION(made->own(0), machine::page_tables);
    constexpr uint64_t behind = machine::page_tables + table_pages * page;
    ASAN_POISON_MEMORY_REGION(made->own(behind), machine::image_begin - behind);
    ASAN_POISON_MEMORY_REGION(made->own(machine::heap_begin), memory_bytes - machine::heap_begin);
    return made;
  }();
  ::madvise(memory->own(0), memory_bytes, MADV_DONTNEED);
  return *memory;
}

int file_of(const uint8_t* data, size_t size) {
  static const int file = ::memfd_create("image", MFD_CLOEXEC);
  require(::ftruncate(file, 0) == 0 && ::pwrite(file, data, size, 0) == static_cast<ssize_t>(size),
          "no file");
  return file;
}

void require_right_page(uint64_t at, uint64_t entry) {
  constexpr uint64_t writable = 2, user = 4, no_execute = 1ull << 63;
  require((entry & user) != 0 && (entry & 0xffffffffff000) == at, "a page lies elsewhere");
  require((entry & writable) == 0 || (entry & no_execute) != 0, "a page to write and to execute");
  require(at >= machine::boot_page && (at < machine::page_tables || at >= machine::identity_begin),
          "a page of the machine's own");
  require(at < memory_bytes || at >= machine::device_begin, "a page behind the memory");
}

void walk(vmm::GuestMemory& memory, uint64_t table, uint64_t begin, int shift) {
  for (uint64_t i = 0; i < 512; i++) {
    const uint64_t entry = memory.own_as<uint64_t>(table + i * 8), at = begin + (i << shift);
    if ((entry & 1) == 0) continue;
    if (shift == 12 || (shift == 21 && (entry & 128) != 0))
      require_right_page(at, entry);
    else
      walk(memory, entry & 0xffffffffff000, at, shift - 9);
  }
}

// The first function, or any: the text ends within its room and is printable.
void name_functions(int file) {
  char text[vmm::most_name_bytes + 24];
  for (uint64_t at = machine::image_begin; at < machine::heap_begin;
       at += machine::heap_begin / 8) {
    const size_t length = vmm::name_place(file, at, text, sizeof text);
    require(length < sizeof text, "a name is longer than its room");
    for (size_t i = 0; i < length; i++)
      require(text[i] > ' ' && text[i] < 127, "a name is not printable");
  }
}

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo::fuzz;
  vireo::vmm::GuestMemory& memory = fresh_memory();
  vireo::vmm::Image image;
  const int file = file_of(data, size);
  name_functions(file);
  if (vireo::vmm::load_image(file, memory, image) != nullptr) return 0;
  walk(memory, vireo::vmm::make_page_tables(memory, image), 0, 39);
  return 0;
}
