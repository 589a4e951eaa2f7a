// SPDX-License-Identifier: Apache-2.0
// A unikernel's image: an ELF file of the layout that unikernel/image.ld makes.
#pragma once
#include <cstdint>

#include "vmm/guest_memory.h"

namespace vireo::vmm {

inline constexpr uint32_t most_segments = 8;

struct Segment {
  uint64_t begin, end;  // addresses, whole pages
  bool writable, executable;
};

struct Image {
  uint64_t entry = 0;
  uint32_t segment_count = 0;
  Segment segments[most_segments] = {};
};

// Copies the segments to where they belong. nullptr, or why this is no image: a sentence's rest
// after "the image ". Nothing in the file is trusted.
const char* load_image(int file, GuestMemory& memory, Image& image);

// Page tables with the segments' rights and what machine.h names; returns the address of the first.
uint64_t make_page_tables(GuestMemory& memory, const Image& image);

}  // namespace vireo::vmm
