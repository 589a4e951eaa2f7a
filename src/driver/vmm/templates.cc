// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/templates.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "vmm/vmm_protocol.h"

namespace vireo {

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
