// SPDX-License-Identifier: Apache-2.0
#include "vmm/image.h"

#include <elf.h>
#include <unistd.h>

namespace vireo::vmm {

namespace {

bool read_at(int file, void* to, uint64_t bytes, uint64_t offset) {
  return ::pread(file, to, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

uint64_t page_end(uint64_t at) {
  return (at + machine::page_bytes - 1) / machine::page_bytes * machine::page_bytes;
}

const char* fault_of(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "is no ELF file";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64)
    return "is for another machine than x86-64";
  if (header.e_type != ET_EXEC) return "is no executable of fixed addresses";
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > most_segments * 2)
    return "has a malformed table of segments";
  return nullptr;
}

const char* fault_of(const Elf64_Phdr& part, const Image& image) {
  if (part.p_vaddr < machine::image_begin || part.p_vaddr % machine::page_bytes != 0)
    return "has a segment outside the place for images";
  if (part.p_filesz > part.p_memsz || part.p_memsz > machine::heap_begin - machine::image_begin ||
      part.p_vaddr > machine::heap_begin - part.p_memsz)
    return "has a segment that is too large";
  if ((part.p_flags & PF_W) != 0 && (part.p_flags & PF_X) != 0)
    return "has a segment to write and to execute";
  if (image.segment_count == most_segments) return "has too many segments";
  if (image.segment_count > 0) {
    const Segment& before = image.segments[image.segment_count - 1];
    if (part.p_vaddr < before.end) return "has segments that overlap or are out of order";
    if (before.writable && (part.p_flags & PF_W) == 0)
      return "has a segment to read behind one to write";
  }
  return nullptr;
}

const char* load_segment(int file, const Elf64_Phdr& part, GuestMemory& memory, Image& image) {
  if (part.p_memsz == 0) return nullptr;
  if (const char* fault = fault_of(part, image)) return fault;
  if (!read_at(file, memory.own(part.p_vaddr), part.p_filesz, part.p_offset)) return "is truncated";
  image.segments[image.segment_count++] = {part.p_vaddr, page_end(part.p_vaddr + part.p_memsz),
                                           (part.p_flags & PF_W) != 0, (part.p_flags & PF_X) != 0};
  return nullptr;
}

const char* check_entry(const Image& image) {
  for (uint32_t i = 0; i < image.segment_count; i++) {
    const Segment& segment = image.segments[i];
    if (segment.executable && image.entry >= segment.begin && image.entry < segment.end)
      return nullptr;
  }
  return "begins outside its code";
}

const char* read_note(int file, const Elf64_Phdr& part, bool& ours) {
  machine::ImageNote note{};
  if (part.p_type != PT_NOTE || part.p_filesz < sizeof note) return nullptr;
  if (!read_at(file, &note, sizeof note, part.p_offset)) return "is truncated";
  ours |= note == machine::image_note;
  return nullptr;
}

// Bits of a page table's entry (Intel SDM 3A, 4.5). Accessed and dirty are set beforehand: the
// processor has no reason to write to the tables.
constexpr uint64_t present = 1, write = 2, user = 4, no_cache = 16, used = 32 | 64, large = 128;
constexpr uint64_t no_execute = 1ull << 63;
constexpr uint64_t entries = 512;

}  // namespace

const char* load_image(int file, GuestMemory& memory, Image& image) {
  Elf64_Ehdr header{};
  if (!read_at(file, &header, sizeof header, 0)) return "is truncated";
  if (const char* fault = fault_of(header)) return fault;
  bool ours = false;
  for (uint32_t i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr part{};
    if (!read_at(file, &part, sizeof part, header.e_phoff + i * sizeof part)) return "is truncated";
    if (const char* fault = read_note(file, part, ours)) return fault;
    if (part.p_type != PT_LOAD) continue;
    if (const char* fault = load_segment(file, part, memory, image)) return fault;
  }
  if (!ours) return "is not made for this VMM: its note is missing, or of another version";
  image.entry = header.e_entry;
  uint64_t writable = machine::heap_begin;
  for (uint32_t i = image.segment_count; i > 0 && image.segments[i - 1].writable; i--)
    writable = image.segments[i - 1].begin;
  memory.set_writable_begin(writable);
  return check_entry(image);
}

uint64_t make_page_tables(GuestMemory& memory, const Image& image) {
  // Each of one page: root, gigabytes, megabytes of the first and of the devices' gigabyte, pages
  // below the image, pages of the image.
  constexpr uint64_t page = machine::page_bytes, root = machine::page_tables;
  auto table = [&](uint64_t number) { return &memory.own_as<uint64_t>(root + number * page); };
  constexpr uint64_t inner = present | write | user | used;
  auto address = [&](uint64_t number) { return root + number * page; };
  table(0)[0] = address(1) | inner;
  table(1)[0] = address(2) | inner;
  table(1)[machine::device_begin >> 30] = address(3) | inner;
  table(3)[machine::device_begin >> 21 & (entries - 1)] =
      machine::device_begin | present | write | user | used | large | no_cache | no_execute;
  table(2)[0] = address(4) | inner;
  table(2)[1] = address(5) | inner;
  for (uint64_t at = machine::heap_begin; at < memory.bytes(); at += machine::large_page_bytes)
    table(2)[at >> 21] = at | present | write | user | used | large | no_execute;
  table(4)[machine::boot_page / page] = machine::boot_page | present | user | used | no_execute;
  table(4)[machine::vitals_page / page] =
      machine::vitals_page | present | write | user | used | no_execute;
  for (uint64_t at = machine::identity_begin; at < machine::image_begin; at += page)
    table(4)[at / page] = at | present | user | used | no_execute;
  for (uint32_t i = 0; i < image.segment_count; i++) {
    const Segment& segment = image.segments[i];
    for (uint64_t at = segment.begin; at < segment.end; at += page)
      table(5)[(at - machine::image_begin) / page] = at | present | user | used |
                                                     (segment.writable ? write : 0) |
                                                     (segment.executable ? 0 : no_execute);
  }
  return root;
}

}  // namespace vireo::vmm
