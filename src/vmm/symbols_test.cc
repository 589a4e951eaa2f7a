// SPDX-License-Identifier: Apache-2.0
// The function that a guest was in is named, whatever its image says.
#include "vmm/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "vmm/fault_report.h"
#include "vmm/image.h"

namespace vireo::vmm {
namespace {

std::string name_of(const char* symbol) {
  char text[most_name_bytes + 1];
  return {text, readable_name(symbol, text, sizeof text)};
}

TEST(Symbols, names_are_readable) {
  EXPECT_EQ(name_of("_ZN5vireo3vnf3Nat6handleERNS0_6PacketERNS0_5BatchE"),
            "vireo::vnf::Nat::handle(...)");
  EXPECT_EQ(name_of("_ZNK5vireo3vnf6Routes8next_hopENS0_7NetworkEPKh"),
            "vireo::vnf::Routes::next_hop(...)");
  EXPECT_EQ(name_of("_ZN5vireo3vnf12_GLOBAL__N_16finishERNS0_6PacketE"),
            "vireo::vnf::{anonymous}::finish(...)");
  EXPECT_EQ(name_of("_ZN5vireo3vnf10RouterCoreINS0_10NatCounterEE7take_inERNS0_6PacketE"),
            "vireo::vnf::RouterCore<...>::take_in(...)");
  EXPECT_EQ(name_of("_ZN1a1bILb1ELj16ES_PFvvEE1cEv"), "a::b<...>::c(...)");
  EXPECT_EQ(name_of("_ZN1a1bI1cIN1d1eEEE1fEv"), "a::b<c<d::e>>::f(...)");
  EXPECT_EQ(name_of("_Z6finishi"), "finish(...)");
  EXPECT_EQ(name_of("_ZL6finishIiEvT_"), "finish<...>(...)");
  EXPECT_EQ(name_of("machine_entry"), "machine_entry");
}

TEST(Symbols, a_name_that_is_declared_in_a_function_is_readable) {
  EXPECT_EQ(
      name_of("_ZZN5vireo3vnf8entry_ofIN12_GLOBAL__N_15CrashEEENS0_13FunctionEntryEvENUlRKNS0_"
              "7ContextEPKvE_4_FUNES7_S9_"),
      "vireo::vnf::entry_of<{anonymous}::Crash>(...)::{lambda}(...)");
  EXPECT_EQ(name_of("_ZZN1a1bI3OwnEEvvENKUlvE_clEv"), "a::b<Own>(...)::{lambda}(...)");
  EXPECT_EQ(name_of("_ZZ4mainENKUlvE_clEv"), "main(...)::{lambda}(...)");
  EXPECT_EQ(name_of("_ZZN1a1bEvEN4Part4workEv"), "a::b(...)::Part::work(...)");
  EXPECT_EQ(name_of("_ZZN1a1bEvENUt_1cEv"), "a::b(...)::{...}(...)");
  EXPECT_EQ(name_of("_ZZN1a1bIZNS_1cEvEUlvE_ZNS_1cEvEUlvE0_EEvT_T0_E1dv"),
            "a::b<...>(...)::d(...)");
  EXPECT_EQ(name_of("_ZN1a1bIXadL_Z1fvEEE1cEv"), "a::b<...>::c(...)");
}

TEST(Symbols, a_name_that_is_cut_anywhere_is_printable_and_ends) {
  const std::string whole =
      "_ZZN5vireo3vnf8entry_ofIN12_GLOBAL__N_15CrashEEENS0_13FunctionEntryEvENUlRKNS0_"
      "7ContextEPKvE_";
  const size_t function = whole.find("NUl");  // from here on all that is written is there
  for (size_t bytes = 0; bytes <= whole.size(); bytes++) {
    const std::string cut = whole.substr(0, bytes), name = name_of(cut.c_str());
    if (bytes < function)
      EXPECT_EQ(name, cut.substr(0, most_name_bytes));
    else
      EXPECT_EQ(name.find("vireo::vnf::entry_of<{anonymous}::Crash>(...)::{"), 0u) << cut;
  }
}

TEST(Symbols, what_is_no_name_stays_as_it_is_printable_and_short) {
  for (const char* odd : {"_ZN", "_ZN99999999999999999999aE", "_ZN0E", "_ZN5virE", "_ZN1aI",
                          "_ZN1aILS", "_ZNI1aEE", "_ZZN1aEv", "_ZZZZ", "_ZZN1aIN", "_ZNEv", "_Z"})
    EXPECT_EQ(name_of(odd), odd);
  EXPECT_EQ(name_of("a\x1b[2J\n\xff z"),
            "a?[2J??"
            "?z");
  EXPECT_EQ(name_of(std::string(1000, 'x').c_str()), std::string(most_name_bytes, 'x'));
}

// An image's tables alone: names, then symbols, then the sections.
class SymbolFile {
 public:
  void add(const std::string& name, uint64_t value, uint64_t size) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<uint32_t>(names_.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_value = value;
    symbol.st_size = size;
    symbols.push_back(symbol);
    names_ += name + '\0';
  }
  std::string place(uint64_t address) {
    Elf64_Shdr sections[2] = {};
    sections[0].sh_type = SHT_SYMTAB;
    sections[0].sh_entsize = sizeof(Elf64_Sym);
    sections[0].sh_size = symbols.size() * sizeof(Elf64_Sym);
    sections[0].sh_link = 1;
    sections[1].sh_size = names_.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 2;
    sections[1].sh_offset = sizeof header;
    sections[0].sh_offset = sizeof header + names_.size();
    if (header.e_shoff == 0) header.e_shoff = sections[0].sh_offset + sections[0].sh_size;
    if (change) change(sections);
    Fd file(::memfd_create("image", MFD_CLOEXEC));
    put(file, &header, sizeof header);
    put(file, names_.data(), names_.size());
    put(file, symbols.data(), symbols.size() * sizeof(Elf64_Sym));
    put(file, sections, sizeof sections);
    char text[most_name_bytes + 24];
    return {text, name_place(file.get(), address, text, sizeof text)};
  }
  Elf64_Ehdr header{};
  std::vector<Elf64_Sym> symbols;
  void (*change)(Elf64_Shdr*) = nullptr;

 private:
  static void put(const Fd& file, const void* from, size_t bytes) {
    ASSERT_EQ(::write(file.get(), from, bytes), static_cast<ssize_t>(bytes));
  }
  std::string names_{'\0'};
};

SymbolFile two_functions() {
  SymbolFile file;
  file.add("second", 0x200100, 0x40);
  file.add("_ZN1a5firstEv", 0x200000, 0x80);
  file.add("rest", 0x200200, 0);  // without a size: to the next one
  return file;
}

TEST(Symbols, the_function_is_the_one_that_holds_the_instruction) {
  EXPECT_EQ(two_functions().place(0x200000), "a::first(...)+0x0");
  EXPECT_EQ(two_functions().place(0x20007f), "a::first(...)+0x7f");
  EXPECT_EQ(two_functions().place(0x200080), "");
  EXPECT_EQ(two_functions().place(0x20010a), "second+0xa");
  EXPECT_EQ(two_functions().place(0x201200), "rest+0x1000");
  EXPECT_EQ(two_functions().place(0), "");
}

TEST(Symbols, hostile_tables_name_nothing) {
  SymbolFile file = two_functions();
  for (Elf64_Sym& symbol : file.symbols) symbol.st_name = 0xffffffff;
  EXPECT_EQ(file.place(0x200000), "");
  file = two_functions();
  file.header.e_shoff = ~0ull - 8;
  EXPECT_EQ(file.place(0x200000), "");
  file = two_functions();
  file.change = [](Elf64_Shdr* sections) { sections[0].sh_link = 7; };
  EXPECT_EQ(file.place(0x200000), "");
  file.change = [](Elf64_Shdr* sections) { sections[0].sh_offset = ~0ull; };
  EXPECT_EQ(file.place(0x200000), "");
  file.change = [](Elf64_Shdr* sections) { sections[0].sh_size = ~0ull; };
  EXPECT_EQ(file.place(0x200000), "") << "the table reaches beyond the file";
  file.change = [](Elf64_Shdr* sections) { sections[1].sh_size = 3; };
  EXPECT_EQ(file.place(0x20010a), "se+0xa") << "no byte behind the table of names";
}

TEST(FaultReport, says_where) {
  kvm_regs registers{};
  registers.rip = 0x200010;
  registers.rsp = 0x23aff8;
  char text[fault_text_bytes];
  describe_fault("fault", registers, -1, text);
  EXPECT_STREQ(text, "fault at instruction 0x200010, stack 0x23aff8");
}

// The images that we ship: small, taken, and with the name of what they begin with.
TEST(Images, are_small_and_their_functions_have_names) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VIREO_FUNCTIONS)) {
    if (entry.path().extension() != ".elf") continue;
    count++;
    EXPECT_LE(std::filesystem::file_size(entry.path()), 100'000u) << entry.path();
    const Fd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    GuestMemory memory;
    ASSERT_TRUE(memory.open(machine::smallest_memory));
    Image image;
    ASSERT_EQ(load_image(file.get(), memory, image), nullptr);
    kvm_regs registers{};
    registers.rip = image.entry;
    char text[fault_text_bytes];
    describe_fault("fault", registers, file.get(), text);
    EXPECT_STREQ(text, "fault in machine_entry+0x0 at instruction 0x200000, stack 0x0");
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace vireo::vmm
