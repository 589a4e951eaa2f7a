// SPDX-License-Identifier: Apache-2.0
// What is no image is refused with a reason, and the guest's rights are the segments'.
#include "vmm/image.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fd.h"

namespace vireo::vmm {
namespace {

constexpr uint64_t page = machine::page_bytes, memory_bytes = 8u << 20;

struct Parts {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;
  machine::ImageNote note = machine::image_note;
};

Elf64_Phdr segment(uint32_t flags, uint64_t address, uint64_t bytes) {
  Elf64_Phdr part{};
  part.p_type = PT_LOAD;
  part.p_flags = flags;
  part.p_offset = 0;
  part.p_vaddr = part.p_paddr = address;
  part.p_filesz = part.p_memsz = bytes;
  return part;
}

// Code, data and a stack behind an unmapped page.
Parts good_parts() {
  Parts parts;
  Elf64_Ehdr& header = parts.header;
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_type = ET_EXEC;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phoff = sizeof header;
  header.e_entry = machine::image_begin + 16;
  parts.segments = {segment(PF_R | PF_X, machine::image_begin, page),
                    segment(PF_R | PF_W, machine::image_begin + page, page),
                    segment(PF_R | PF_W, machine::image_begin + 3 * page, page)};
  return parts;
}

Fd file_of(Parts parts) {
  parts.header.e_phnum = static_cast<uint16_t>(parts.segments.size() + 1);
  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_filesz = sizeof parts.note;
  note.p_offset = 2 * page - sizeof parts.note;
  parts.segments.push_back(note);
  std::string bytes(2 * page, '\x90');
  std::memcpy(bytes.data(), &parts.header, sizeof parts.header);
  std::memcpy(bytes.data() + sizeof parts.header, parts.segments.data(),
              parts.segments.size() * sizeof(Elf64_Phdr));
  std::memcpy(bytes.data() + note.p_offset, &parts.note, sizeof parts.note);
  Fd file(::memfd_create("image", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

// "" when it is taken.
std::string refusal_of(const Parts& parts) {
  GuestMemory memory;
  EXPECT_TRUE(memory.open(memory_bytes));
  Image image;
  const Fd file = file_of(parts);
  const char* fault = load_image(file.get(), memory, image);
  return fault == nullptr ? "" : fault;
}

TEST(Image, a_good_one_is_taken) { EXPECT_EQ(refusal_of(good_parts()), ""); }

TEST(Image, what_is_none_is_refused_with_a_reason) {
  Parts parts = good_parts();
  parts.header.e_ident[1] = 'x';
  EXPECT_EQ(refusal_of(parts), "is no ELF file");
  parts = good_parts();
  parts.header.e_machine = EM_AARCH64;
  EXPECT_EQ(refusal_of(parts), "is for another machine than x86-64");
  parts = good_parts();
  parts.segments[0].p_flags |= PF_W;
  EXPECT_EQ(refusal_of(parts), "has a segment to write and to execute");
  parts = good_parts();
  parts.segments[1].p_vaddr = machine::image_begin;
  EXPECT_EQ(refusal_of(parts), "has segments that overlap or are out of order");
  parts = good_parts();
  parts.segments[0].p_vaddr = machine::page_tables;
  EXPECT_EQ(refusal_of(parts), "has a segment outside the place for images");
  parts = good_parts();
  parts.segments[2].p_memsz = ~0ull - page;
  EXPECT_EQ(refusal_of(parts), "has a segment that is too large");
  parts = good_parts();
  parts.segments[2].p_offset = 16 * page;
  EXPECT_EQ(refusal_of(parts), "is truncated");
  parts = good_parts();
  parts.header.e_entry = machine::image_begin + page;  // data
  EXPECT_EQ(refusal_of(parts), "begins outside its code");
  parts = good_parts();
  parts.note.version++;
  EXPECT_TRUE(refusal_of(parts).starts_with("is not made for this VMM"));
  parts = good_parts();
  parts.header.e_phoff = ~0ull - 8;
  EXPECT_EQ(refusal_of(parts), "is truncated");
}

TEST(Image, one_for_another_machine_is_refused) {
  constexpr const char* another = "is for another machine than x86-64";
  Parts parts = good_parts();
  parts.header.e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(refusal_of(parts), another);
  parts = good_parts();
  parts.header.e_ident[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(refusal_of(parts), another);
  parts = good_parts();
  parts.header.e_type = ET_DYN;
  EXPECT_EQ(refusal_of(parts), "is no executable of fixed addresses");
}

TEST(Image, one_with_wrong_segments_is_refused) {
  Parts parts = good_parts();
  parts.header.e_phentsize = 32;
  EXPECT_EQ(refusal_of(parts), "has a malformed table of segments");
  parts = good_parts();
  parts.segments.assign(2 * most_segments, segment(PF_R, machine::image_begin, 0));
  EXPECT_EQ(refusal_of(parts), "has a malformed table of segments");
  parts = good_parts();
  parts.segments.clear();
  for (uint32_t i = 0; i <= most_segments; i++)
    parts.segments.push_back(segment(PF_R, machine::image_begin + i * page, 16));
  EXPECT_EQ(refusal_of(parts), "has too many segments");
  parts = good_parts();
  parts.segments[2].p_flags = PF_R;
  EXPECT_EQ(refusal_of(parts), "has a segment to read behind one to write");
  parts = good_parts();
  parts.segments[1].p_vaddr += 16;  // not at a page's begin
  EXPECT_EQ(refusal_of(parts), "has a segment outside the place for images");
  parts = good_parts();
  parts.segments[2].p_memsz = machine::heap_begin - parts.segments[2].p_vaddr + 1;
  EXPECT_EQ(refusal_of(parts), "has a segment that is too large");
  parts = good_parts();
  parts.segments[1].p_memsz = page - 1;  // less than the file has of it
  EXPECT_EQ(refusal_of(parts), "has a segment that is too large");
  parts = good_parts();
  parts.segments[1].p_memsz = 3 * page;  // into the next one
  EXPECT_EQ(refusal_of(parts), "has segments that overlap or are out of order");
}

TEST(Image, one_that_is_cut_anywhere_is_refused) {
  const Fd file = file_of(good_parts());
  for (off_t left = 2 * page - 1; left >= 0; left -= left > 512 ? 500 : 1) {
    ASSERT_EQ(::ftruncate(file.get(), left), 0);
    GuestMemory memory;
    ASSERT_TRUE(memory.open(memory_bytes));
    Image image;
    EXPECT_STREQ(load_image(file.get(), memory, image), "is truncated") << left << " bytes";
    ::munmap(memory.own(0), memory_bytes);
  }
}

TEST(Image, a_program_of_the_host_is_none) {
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  GuestMemory memory;
  ASSERT_TRUE(memory.open(memory_bytes));
  Image image;
  EXPECT_STREQ(load_image(file.get(), memory, image), "is no executable of fixed addresses");
}

TEST(Image, one_without_our_note_is_refused) {
  Parts parts = good_parts();
  parts.note.name[0] = 'v';
  EXPECT_TRUE(refusal_of(parts).starts_with("is not made for this VMM"));
}

// The rights of a guest's page, as its tables say: "rwx", "---" of one that is not mapped.
std::string rights_at(GuestMemory& memory, uint64_t root, uint64_t address) {
  uint64_t table = root;
  for (int shift = 39; shift >= 12; shift -= 9) {
    const uint64_t entry = memory.own_as<uint64_t>(table + (address >> shift & 511) * 8);
    if ((entry & 1) == 0) return "---";
    if (shift == 12 || (shift == 21 && (entry & 128) != 0))
      return std::string(entry & 4 ? "r" : "-") + (entry & 2 ? "w" : "-") +
             (entry >> 63 ? "-" : "x");
    table = entry & 0xffffffffff000;
  }
  return "?";
}

TEST(PageTables, nothing_is_both_writable_and_executable) {
  GuestMemory memory;
  ASSERT_TRUE(memory.open(memory_bytes));
  Image image;
  const Fd file = file_of(good_parts());
  ASSERT_EQ(load_image(file.get(), memory, image), nullptr);
  const uint64_t root = make_page_tables(memory, image);
  EXPECT_EQ(rights_at(memory, root, 0), "---");
  EXPECT_EQ(rights_at(memory, root, machine::boot_page), "r--");
  EXPECT_EQ(rights_at(memory, root, machine::vitals_page), "rw-");
  EXPECT_EQ(rights_at(memory, root, machine::identity_begin), "r--");
  EXPECT_EQ(rights_at(memory, root, machine::image_begin), "r-x");
  EXPECT_EQ(rights_at(memory, root, machine::image_begin + page), "rw-");
  EXPECT_EQ(rights_at(memory, root, machine::image_begin + 2 * page), "---") << "below the stack";
  EXPECT_EQ(rights_at(memory, root, machine::image_begin + 4 * page), "---");
  EXPECT_EQ(rights_at(memory, root, memory_bytes - 1), "rw-");
  EXPECT_EQ(rights_at(memory, root, memory_bytes), "---");
  EXPECT_EQ(rights_at(memory, root, machine::control_device), "rw-");
  for (uint64_t table = 0; table < 6; table++)
    EXPECT_EQ(rights_at(memory, root, machine::page_tables + table * page), "---");
}

}  // namespace
}  // namespace vireo::vmm
