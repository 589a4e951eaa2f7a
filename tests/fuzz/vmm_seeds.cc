// SPDX-License-Identifier: Apache-2.0
#include <elf.h>

#include "seeds.h"
#include "unikernel/machine.h"

namespace vireo::fuzz {

namespace {

enum : uint8_t { in_heap = 0, at_end = 1, behind_code = 2 };  // Guest::address()
constexpr uint8_t has_next = 1, writable = 2;

Seed& heap(Seed& seed, uint16_t offset) { return seed.put(in_heap).put(offset); }

// --- virtio_queue
Seed queue(uint16_t size) {
  Seed seed;
  seed.put(size);
  heap(heap(heap(seed, 0), 1024), 2048);
  return seed;
}
void describe(Seed& seed, uint8_t entry, uint16_t at, uint32_t bytes, uint8_t flags,
              uint16_t next = 0) {
  heap(seed.put<uint8_t>(0).put(entry), at).put(bytes).put(flags).put(next);
}
void offer(Seed& seed, uint16_t head) { seed.put<uint8_t>(1).put(head); }

void keep_queue_seeds() {
  Seed one = queue(8);
  describe(one, 3, 4096, 64, 0);
  offer(one, 3);
  one.put<uint8_t>(2).put<uint8_t>(4);
  keep("virtio_queue", "one_to_read", one.bytes());
  Seed chain = queue(256);
  describe(chain, 0, 4096, 12, writable | has_next, 1);
  describe(chain, 1, 8192, 1500, writable | has_next, 2);
  describe(chain, 2, 16384, 1500, writable);
  for (uint16_t i = 0; i < 3; i++) offer(chain, 0);
  chain.put<uint8_t>(3).put<uint8_t>(3).put<uint8_t>(4).put<uint8_t>(3);
  keep("virtio_queue", "a_chain_to_write", chain.bytes());
  Seed ring = queue(1);
  describe(ring, 0, 4096, 64, has_next, 0);
  offer(ring, 0);
  ring.put<uint8_t>(2);
  keep("virtio_queue", "a_ring", ring.bytes());
  Seed end;
  end.put<uint16_t>(8).put(at_end).put<uint8_t>(128).put(behind_code).put<uint8_t>(0);
  end.put(behind_code).put<uint8_t>(64);
  end.put<uint8_t>(5).put(at_end).put<uint8_t>(128).put<uint64_t>(machine::image_begin);
  end.put<uint8_t>(2).put<uint8_t>(3);
  keep("virtio_queue", "at_the_ends", end.bytes());
}

// --- virtio_net
void set(Seed& seed, uint8_t choice, uint32_t value) {
  seed.put<uint8_t>(0).put(choice).put(value);
}
// Numbers are places in the target's list of registers.
void enable(Seed& seed, uint8_t number) {
  const auto base = static_cast<uint16_t>(number * machine::page_bytes);
  set(seed, 2, number);
  set(seed, 3, 8);
  heap(seed.put<uint8_t>(0).put<uint8_t>(6), base);
  heap(seed.put<uint8_t>(0).put<uint8_t>(8), static_cast<uint16_t>(base + 1024));
  heap(seed.put<uint8_t>(0).put<uint8_t>(10), static_cast<uint16_t>(base + 2048));
  set(seed, 4, 1);
}
void net_packet(Seed& seed, uint8_t number, uint16_t at, uint32_t bytes, uint8_t flags) {
  seed.put<uint8_t>(2).put(number).put<uint8_t>(0);
  heap(seed, at).put(bytes).put(flags).put<uint16_t>(0);
  seed.put<uint8_t>(3).put(number).put<uint16_t>(0).put<uint8_t>(7);
}

void keep_net_seeds() {
  Seed out;
  set(out, 5, 15);
  enable(out, 1);
  net_packet(out, 1, 0x8000, 76, 0);
  out.put<uint8_t>(5);
  keep("virtio_net", "one_out", out.bytes());
  Seed in;
  enable(in, 0);
  net_packet(in, 0, 0x8000, 1526, writable);
  in.put<uint8_t>(7).put<uint8_t>(4).put<uint16_t>(74).put_bytes(std::string(74, 'f').data(), 74);
  in.put<uint8_t>(6).put<uint8_t>(6);
  keep("virtio_net", "one_in", in.bytes());
  Seed both;
  enable(both, 0);
  enable(both, 1);
  set(both, 5, 0);
  enable(both, 1);
  net_packet(both, 1, 0x8000, 8, 0);
  both.put<uint8_t>(5).put<uint8_t>(1).put<uint16_t>(0x70).put<uint8_t>(1).put<uint16_t>(0x44);
  keep("virtio_net", "reset_and_again", both.bytes());
}

// --- image
Elf64_Phdr part(uint32_t type, uint32_t flags, uint64_t address, uint64_t offset, uint64_t bytes) {
  Elf64_Phdr header{};
  header.p_type = type;
  header.p_flags = flags;
  header.p_vaddr = header.p_paddr = address;
  header.p_offset = offset;
  header.p_filesz = header.p_memsz = bytes;
  return header;
}

std::string image() {
  constexpr uint64_t page = machine::page_bytes, begin = machine::image_begin;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_type = ET_EXEC;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phoff = sizeof header;
  header.e_phnum = 4;
  header.e_entry = begin;
  constexpr uint64_t text = sizeof header + 4 * sizeof(Elf64_Phdr), note = text + 16;
  constexpr char name[] = "_ZN1aI1bE1cEv";
  constexpr uint64_t names = note + sizeof(machine::ImageNote), symbols = names + sizeof name;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 2;
  header.e_shoff = symbols + sizeof(Elf64_Sym);
  Elf64_Phdr stack = part(PT_LOAD, PF_R | PF_W, begin + 3 * page, 0, 0);
  stack.p_memsz = 2 * page;
  Seed seed;
  seed.put(header);
  seed.put(part(PT_LOAD, PF_R | PF_X, begin, text, 16));
  seed.put(part(PT_LOAD, PF_R, begin + page, note, sizeof(machine::ImageNote)));
  seed.put(stack);
  seed.put(part(PT_NOTE, PF_R, begin + page, note, sizeof(machine::ImageNote)));
  seed.put_bytes(std::string(16, '\x90').data(), 16);
  seed.put(machine::image_note);
  seed.put_bytes(name, sizeof name);
  Elf64_Sym symbol{};
  symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  symbol.st_value = begin;
  Elf64_Shdr sections[2] = {};
  sections[0].sh_type = SHT_SYMTAB;
  sections[0].sh_entsize = sections[0].sh_size = sizeof symbol;
  sections[0].sh_offset = symbols;
  sections[0].sh_link = 1;
  sections[1].sh_offset = names;
  sections[1].sh_size = sizeof name;
  seed.put(symbol).put(sections[0]).put(sections[1]);
  return seed.bytes();
}

}  // namespace

void keep_vmm_seeds() {
  keep_queue_seeds();
  keep_net_seeds();
  keep("image", "good", image());
}

}  // namespace vireo::fuzz
