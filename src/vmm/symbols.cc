// SPDX-License-Identifier: Apache-2.0
#include "vmm/symbols.h"

#include <elf.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace vireo::vmm {

namespace {

constexpr uint64_t most_sections = 64, most_symbols = 1u << 16, symbols_at_once = 64;
constexpr size_t symbol_bytes = 256;  // of a mangled name, with its ending zero

bool read_at(int file, void* to, uint64_t bytes, uint64_t offset) {
  return ::pread(file, to, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

struct Tables {
  Elf64_Shdr symbols{}, names{};
};

bool find_tables(int image, Tables& tables) {
  Elf64_Ehdr header{};
  if (!read_at(image, &header, sizeof header, 0) || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shnum > most_sections)
    return false;
  auto section = [&](uint64_t number, Elf64_Shdr& to) {
    return number < header.e_shnum &&
           read_at(image, &to, sizeof to, header.e_shoff + number * sizeof to);
  };
  for (uint64_t i = 0; section(i, tables.symbols); i++)
    if (tables.symbols.sh_type == SHT_SYMTAB)
      return tables.symbols.sh_entsize == sizeof(Elf64_Sym) &&
             section(tables.symbols.sh_link, tables.names);
  return false;
}

// Functions of the assembler's may have no size: they reach to the next one.
bool holds(const Elf64_Sym& symbol, uint64_t address) {
  return ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value <= address &&
         (symbol.st_size == 0 || address - symbol.st_value < symbol.st_size);
}

bool find_function(int image, const Elf64_Shdr& table, uint64_t address, Elf64_Sym& found) {
  const uint64_t whole = table.sh_size / sizeof(Elf64_Sym);
  const uint64_t count = whole < most_symbols ? whole : most_symbols;
  bool any = false;
  for (uint64_t begin = 0; begin < count; begin += symbols_at_once) {
    Elf64_Sym symbols[symbols_at_once];
    const uint64_t some = count - begin < symbols_at_once ? count - begin : symbols_at_once;
    if (!read_at(image, symbols, some * sizeof(Elf64_Sym),
                 table.sh_offset + begin * sizeof(Elf64_Sym)))
      break;
    for (uint64_t i = 0; i < some; i++) {
      if (!holds(symbols[i], address) || (any && symbols[i].st_value < found.st_value)) continue;
      found = symbols[i];
      any = true;
    }
  }
  return any;
}

bool read_name(int image, const Elf64_Shdr& names, uint32_t at, char* symbol) {
  if (at >= names.sh_size) return false;
  const uint64_t left = names.sh_size - at;
  const uint64_t bytes = left < symbol_bytes ? left : symbol_bytes;
  if (!read_at(image, symbol, bytes, names.sh_offset + at)) return false;
  symbol[bytes < symbol_bytes ? bytes : symbol_bytes - 1] = '\0';
  return symbol[0] != '\0';
}

// Text of bounded length, printable whatever is added.
class Line {
 public:
  Line(char* text, size_t room) : text_(text), room_(room) {}
  void add(const char* from, size_t bytes) {
    for (; bytes > 0 && length_ + 1 < room_; bytes--, from++)
      text_[length_++] = *from > ' ' && *from < 127 ? *from : '?';
  }
  void add(const char* from) { add(from, std::strlen(from)); }
  size_t end() {
    if (room_ > 0) text_[length_] = '\0';
    return length_;
  }

 private:
  char* text_;
  size_t room_, length_ = 0;
};

// A mangled name by the grammar of the ABI (5.1.1); of types only the ends are looked for.
class MangledName {
 public:
  explicit MangledName(const char* at) : at_(at) {}

  // _Z NAME TYPES, or _Z Z NAME TYPES E ENTITY for what is declared in a function (5.1.6). False:
  // of another form, or not whole.
  bool write(Line& line) {
    if (std::strncmp(at_, "_Z", 2) != 0) return false;
    at_ += 2;
    const bool local = *at_ == 'Z';
    if (local) at_++;
    if (!write_name(line)) return false;
    line.add("(...)");
    if (!local) return true;
    if (!skip_to_end(1)) return false;
    write_entity(line);
    line.add("(...)");
    return true;
  }

 private:
  bool write_name(Line& line) {
    if (*at_ == 'N') return write_nested(line);
    return write_part(line, true) && (*at_ != 'I' || write_part(line, false));
  }
  bool write_nested(Line& line) {
    at_++;
    skip_qualifiers();
    bool first = true;
    for (; *at_ != 'E'; first = false)
      if (!write_part(line, first)) return false;
    at_++;
    return !first;
  }
  // A single argument that has a name is written, as it may be the user's.
  bool write_arguments(Line& line) {
    const char* const begin = at_++;
    const Line before = line;
    line.add("<");
    if (write_name(line) && *at_ == 'E') {
      at_++;
      line.add(">");
      return true;
    }
    line = before;
    at_ = begin;
    line.add("<...>");
    return skip_to_end(0);
  }
  // A lambda, or a class and its function.
  void write_entity(Line& line) {
    line.add("::");
    if (*at_ == 'N') at_++;
    skip_qualifiers();
    if (at_[0] == 'U' && at_[1] == 'l') return line.add("{lambda}");
    if (!write_part(line, true)) return line.add("{...}");
    Line whole = line;
    while (*at_ >= '0' && *at_ <= '9' && write_part(line, false)) whole = line;
    line = whole;
  }
  void skip_qualifiers() {
    while (*at_ == 'K' || *at_ == 'V' || *at_ == 'r') at_++;
  }
  bool write_part(Line& line, bool first) {
    if (*at_ == 'I') return !first && write_arguments(line);
    if (!first) line.add("::");
    if (*at_ == 'L') at_++;  // of internal linkage
    const size_t bytes = length();
    if (bytes == 0) return false;
    if (bytes == 12 && std::strncmp(at_, "_GLOBAL__N_1", bytes) == 0)
      line.add("{anonymous}");
    else
      line.add(at_, bytes);
    at_ += bytes;
    return true;
  }
  // Of the name that follows; 0 unless all of it is there.
  size_t length() {
    size_t bytes = 0;
    while (*at_ >= '0' && *at_ <= '9' && bytes < symbol_bytes)
      bytes = bytes * 10 + static_cast<size_t>(*at_++ - '0');
    return strnlen(at_, bytes) == bytes ? bytes : 0;
  }
  // Up to behind the E that closes what `depth` beginnings have opened.
  bool skip_to_end(int depth) {
    while (*at_ != '\0') {
      if (*at_ >= '0' && *at_ <= '9') {
        at_ += length();
        continue;
      }
      const char kind = *at_++;
      if (std::strchr("INLJXFZ", kind) != nullptr || (kind == 'U' && *at_ == 'l')) depth++;
      if (kind == 'L' && at_[0] == '_' && at_[1] == 'Z') at_ += 2;  // a function's name
      if (kind == 'L' && *at_ >= 'a' && *at_ <= 'z') at_ += std::strcspn(at_, "E");
      if (kind == 'S' || kind == 'T') at_ += short_bytes();
      if (kind == 'E' && --depth == 0) return true;
    }
    return false;
  }
  // Behind S or T: St, S_, S1_, T_, T0_.
  size_t short_bytes() const {
    size_t bytes = 0;
    while ((at_[bytes] >= '0' && at_[bytes] <= '9') || (at_[bytes] >= 'A' && at_[bytes] <= 'Z'))
      bytes++;
    return at_[bytes] == '\0' ? bytes : bytes + 1;
  }

  const char* at_;
};

}  // namespace

size_t readable_name(const char* symbol, char* text, size_t room) {
  Line line(text, room);
  if (MangledName(symbol).write(line)) return line.end();
  Line plain(text, room);
  plain.add(symbol);
  return plain.end();
}

size_t name_place(int image, uint64_t address, char* text, size_t room) {
  Tables tables;
  Elf64_Sym function{};
  char symbol[symbol_bytes], name[most_name_bytes + 1];
  if (!find_tables(image, tables) || !find_function(image, tables.symbols, address, function) ||
      !read_name(image, tables.names, function.st_name, symbol))
    return 0;
  readable_name(symbol, name, sizeof name);
  const int length = std::snprintf(text, room, "%s+0x%llx", name,
                                   static_cast<unsigned long long>(address - function.st_value));
  return length < 0 || static_cast<size_t>(length) >= room ? 0 : static_cast<size_t>(length);
}

}  // namespace vireo::vmm
