// SPDX-License-Identifier: Apache-2.0
// A guest's memory for fuzz targets. The machine's own pages are poisoned: with the address
// sanitizer a device that reaches them ends the process.
#pragma once
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include "input.h"
#include "vmm/guest_memory.h"

namespace vireo::fuzz {

struct GuestDescriptor {  // virtio 1.1, 2.6.5
  uint64_t address;
  uint32_t bytes;
  uint16_t flags, next;
};

class Guest {
 public:
  static constexpr uint64_t bytes = machine::smallest_memory;
  static constexpr uint64_t code_bytes = machine::page_bytes;

  // The one of the process, as it is at the begin of every run.
  static Guest& fresh() {
    static Guest guest;
    guest.reset();
    return guest;
  }
  vmm::GuestMemory& memory() { return memory_; }

  // Where hostile addresses are worth trying: the heap, the ends of things,
  // what is the machine's, anywhere.
  static uint64_t address(Input& input) {
    switch (input.take<uint8_t>() % 5) {
      case 0:
        return machine::heap_begin + input.take<uint16_t>();
      case 1:
        return bytes - input.take<uint8_t>();
      case 2:
        return machine::image_begin + code_bytes - 32 + input.take<uint8_t>();
      case 3:
        return input.take<uint16_t>() * 32ull;  // the machine's own pages
      default:
        return input.take<uint64_t>();
    }
  }
  static GuestDescriptor descriptor(Input& input) {
    GuestDescriptor part{};
    part.address = address(input);
    part.bytes = input.take<uint32_t>();
    part.flags = input.take<uint8_t>();
    part.next = input.take<uint16_t>();
    return part;
  }
  // The guest itself writes only where its tables let it.
  void store(uint64_t at, const void* from, uint64_t count) {
    if (uint8_t* to = memory_.writable(at, count)) std::memcpy(to, from, count);
  }
  void require_whole_code() {
    for (uint64_t i = 0; i < code_bytes; i++)
      require(memory_.own(machine::image_begin)[i] == code_byte, "a device wrote over code");
  }

 private:
  static constexpr uint8_t code_byte = 0x90;

  Guest() {
    // Memory is mapped from the top down: what is mapped next ends where this begins.
    constexpr uint64_t guard = 64u << 20;
    ::mmap(nullptr, guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(memory_.open(bytes), "no memory for the guest");
    memory_.set_writable_begin(machine::image_begin + code_bytes);
    ASAN_POISON_MEMORY_REGION(memory_.own(0), machine::image_begin);
  }
  void reset() {
    ::madvise(memory_.own(0), bytes, MADV_DONTNEED);
    std::memset(memory_.own(machine::image_begin), code_byte, code_bytes);
  }

  vmm::GuestMemory memory_;
};

}  // namespace vireo::fuzz
