// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_memory.h"

#include <sys/mman.h>

namespace vireo::vmm {

bool GuestMemory::open(uint64_t bytes) { return map(nullptr, bytes, MAP_ANONYMOUS, -1); }

bool GuestMemory::open_copy(int file, uint64_t bytes) {
  return is_copy_ = map(nullptr, bytes, 0, file);
}

bool GuestMemory::become_copy(int file) {
  return is_copy_ || (is_copy_ = map(base_, bytes_, MAP_FIXED, file));
}

bool GuestMemory::map(void* wanted, uint64_t bytes, int flags, int file) {
  void* at =
      ::mmap(wanted, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | flags, file, 0);
  if (at == MAP_FAILED) return false;
  // A huge page would cost an idle guest 2 MiB.
  ::madvise(at, bytes, MADV_NOHUGEPAGE);
  base_ = static_cast<uint8_t*>(at);
  bytes_ = bytes;
  return true;
}

bool GuestMemory::share_page(uint64_t at, int file) {
  return ::mmap(own(at), machine::page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                0) != MAP_FAILED;
}

}  // namespace vireo::vmm
