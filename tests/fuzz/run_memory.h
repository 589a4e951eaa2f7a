// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include "input.h"

namespace vireo::fuzz {

// Memory that a function asks for lives as long as the run, and costs what is touched of it.
class RunMemory {
 public:
  static RunMemory& instance() {
    static RunMemory memory;
    return memory;
  }
  static void* take(size_t bytes) {
    RunMemory& memory = instance();
    uint8_t* at = memory.begin_ + memory.used_;
    memory.used_ += (bytes + gap + 4095) / 4096 * 4096;
    require(memory.used_ <= room, "a function takes too much memory");
    ASAN_UNPOISON_MEMORY_REGION(at, bytes);
    return at;
  }
  void reset() {
    ::madvise(begin_, used_, MADV_DONTNEED);
    ASAN_POISON_MEMORY_REGION(begin_, used_);
    used_ = 0;
  }

 private:
  static constexpr size_t room = 64u << 20, gap = 256;
  RunMemory()
      : begin_(static_cast<uint8_t*>(::mmap(nullptr, room, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    require(begin_ != MAP_FAILED, "no memory");
    ASAN_POISON_MEMORY_REGION(begin_, room);
  }
  uint8_t* begin_;
  size_t used_ = 0;
};

}  // namespace vireo::fuzz
