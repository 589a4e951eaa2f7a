// SPDX-License-Identifier: Apache-2.0
// Memory from the kernel for the process's life.
#pragma once
#include "vnf/posix/system_call.h"

namespace vireo::vnf::posix {

// Zeroed, private, given page by page when touched; never in huge pages, which would cost an idle
// instance 2 MiB. nullptr: there is none.
inline void* map_memory(size_t bytes) {
  constexpr int read_write = 3, private_anonymous = 0x22, no_huge_page = 15;
  const long at =
      system_call(__NR_mmap, 0, static_cast<long>(bytes), read_write, private_anonymous, -1);
  if (at < 0 && at > -4096) return nullptr;
  system_call(__NR_madvise, at, static_cast<long>(bytes), no_huge_page);
  return reinterpret_cast<void*>(at);
}

inline void give_back(void* at, size_t bytes) {
  constexpr int dont_need = 4;
  system_call(__NR_madvise, address(at), static_cast<long>(bytes), dont_need);
}

// The first `bytes` of a file, all there at once; nullptr when it is shorter.
inline void* map_file(int fd, size_t bytes, bool writable) {
  struct {
    uint64_t before[6];
    int64_t size;
    uint64_t behind[11];
  } status{};  // struct stat
  if (system_call(__NR_fstat, fd, address(&status)) < 0) return nullptr;
  if (status.size < static_cast<int64_t>(bytes)) return nullptr;
  constexpr int read_only = 1, read_write = 3, shared = 1, own = 2;
  constexpr int populate = 0x8000;  // cheaper than the faults that would follow
  const long at =
      system_call(__NR_mmap, 0, static_cast<long>(bytes), writable ? read_write : read_only,
                  (writable ? shared : own) | populate, fd);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<void*>(at);
}

}  // namespace vireo::vnf::posix
