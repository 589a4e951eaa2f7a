// SPDX-License-Identifier: Apache-2.0
#include "vmm/template.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace vireo::vmm {

namespace {

bool put(int file, const void* bytes, uint64_t count, uint64_t at) {
  return ::pwrite(file, bytes, count, static_cast<off_t>(at)) == static_cast<ssize_t>(count);
}

bool is_empty(const uint8_t* page) {
  return std::all_of(page, page + machine::page_bytes, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

// Looking at a page that was never touched maps the kernel's one page of zeros.
bool write_template(int file, GuestMemory& memory, const TemplateState& state) {
  constexpr uint64_t page = machine::page_bytes;
  for (uint64_t at = 0; at < memory.bytes(); at += page)
    if (!is_empty(memory.own(at)) && !put(file, memory.own(at), page, at)) return false;
  return put(file, &state, sizeof state, memory.bytes());
}

const char* read_template(int file, uint64_t memory_bytes, TemplateState& state) {
  struct stat status {};
  if (::fstat(file, &status) != 0 ||
      static_cast<uint64_t>(status.st_size) != memory_bytes + template_state_bytes)
    return "is of another size of memory";
  if (::pread(file, &state, sizeof state, static_cast<off_t>(memory_bytes)) !=
      static_cast<ssize_t>(sizeof state))
    return "cannot be read";
  if (state.magic != template_magic || state.version != template_version ||
      state.memory_bytes != memory_bytes)
    return "was made by another version";
  if (state.page_tables >= memory_bytes || state.writable_begin < machine::image_begin ||
      state.writable_begin > machine::heap_begin)
    return "has impossible addresses";
  return nullptr;
}

const char* open_template(int file, uint64_t memory_bytes, GuestMemory& memory,
                          TemplateState& state) {
  if (const char* fault = read_template(file, memory_bytes, state)) return fault;
  if (!memory.open_copy(file, memory_bytes)) return "cannot be mapped";
  memory.set_writable_begin(state.writable_begin);
  return nullptr;
}

}  // namespace vireo::vmm
