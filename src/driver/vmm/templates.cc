// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/templates.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "unikernel/machine.h"
#include "vmm/vmm_protocol.h"

namespace vireo {

namespace {
constexpr uint64_t usual_memory = 16u << 20;
}

static Result<uint64_t> guest_memory(const InstanceSpec& spec) {
  const uint64_t memory = spec.resources.memory == 0 ? usual_memory : spec.resources.memory;
  if (memory < machine::smallest_memory || memory > machine::largest_memory)
    return Error{Errc::invalid,
                 fmt::format("a unikernel runs with {} to {} of memory, not with {}",
                             bytes_text(machine::smallest_memory),
                             bytes_text(machine::largest_memory), bytes_text(memory))};
  return memory / machine::large_page_bytes * machine::large_page_bytes;
}

Result<TemplateKey> template_key(const InstanceSpec& spec) {
  return TemplateKey{spec.image_digest, TRY(guest_memory(spec)),
                     static_cast<uint32_t>(spec.ports.size())};
}

std::shared_ptr<const Fd> Templates::find(const TemplateKey& key) {
  std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->file;
}

bool Templates::claim(const TemplateKey& key) {
  std::lock_guard lock(mutex_);
  return !std::ranges::count(entries_, key, &Entry::key) && claimed_.insert(key).second;
}

void Templates::keep(const TemplateKey& key, Fd file) {
  std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
  claimed_.erase(key);
  entries_.push_front({key, std::make_shared<const Fd>(std::move(file))});
  if (entries_.size() > most) entries_.pop_back();
}

Result<Fd> new_template(uint64_t memory_bytes) {
  Fd file(::memfd_create("vireo-template", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file ||
      ::ftruncate(file.get(), static_cast<off_t>(memory_bytes + vmm::template_state_bytes)) != 0)
    return system_error("cannot make a file for a template");
  return file;
}

}  // namespace vireo
