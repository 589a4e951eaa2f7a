// SPDX-License-Identifier: Apache-2.0
// The guest's memory as the VMM sees it. What the guest names is reached through readable() and
// writable() alone; it may change under our eyes, so whatever decides something is copied first.
#pragma once
#include <cstdint>
#include <cstring>

#include "unikernel/machine.h"

namespace vireo::vmm {

class GuestMemory {
 public:
  GuestMemory() = default;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  // Zeroed, given page by page when touched; false: errno says why. Stays for the process's life.
  bool open(uint64_t bytes);
  // Filled with the file's first `bytes`, each page copied when it is first written to.
  bool open_copy(int file, uint64_t bytes);
  // The same once it is open; the file has the content that it has. True: it is such a copy.
  bool become_copy(int file);
  uint64_t bytes() const { return bytes_; }

  // For the VMM's own use: `at` is inside.
  uint8_t* own(uint64_t at) { return base_ + at; }
  template <class T>
  T& own_as(uint64_t at) {
    return *reinterpret_cast<T*>(own(at));
  }

  // From where on devices may write: behind the image's code and constants.
  void set_writable_begin(uint64_t at) { writable_begin_ = at; }
  uint64_t writable_begin() const { return writable_begin_; }
  // Where these bytes lie, nullptr unless all of them are the guest's own to read, or to write.
  uint8_t* readable(uint64_t at, uint64_t count) { return span(machine::image_begin, at, count); }
  uint8_t* writable(uint64_t at, uint64_t count) { return span(writable_begin_, at, count); }

  // Puts the first page of a file in the place of one of the guest's pages, shared with others.
  bool share_page(uint64_t at, int file);

 private:
  bool map(void* at, uint64_t bytes, int flags, int file);
  uint8_t* span(uint64_t lowest, uint64_t at, uint64_t count) {
    return at < lowest || at > bytes_ || count > bytes_ - at ? nullptr : base_ + at;
  }
  uint8_t* base_ = nullptr;
  uint64_t bytes_ = 0;
  bool is_copy_ = false;
  uint64_t writable_begin_ = machine::heap_begin;
};

}  // namespace vireo::vmm
