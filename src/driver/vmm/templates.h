// SPDX-License-Identifier: Apache-2.0
// Machines that wait for their identity, kept as files (vmm/template.h), from which others begin:
// one for each image, size of memory and number of ports.
#pragma once
#include <compare>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "model/instance.h"

namespace vireo {

struct TemplateKey {
  std::string image_digest;
  uint64_t memory_bytes = 0;
  uint32_t port_count = 0;
  auto operator<=>(const TemplateKey&) const = default;
};

// Errc::invalid: more or less memory than a machine can have.
Result<TemplateKey> template_key(const InstanceSpec& spec);

// Thread-safe.
class Templates {
 public:
  // nullptr: there is none.
  std::shared_ptr<const Fd> find(const TemplateKey& key);
  // True once for each key that has none: whoever is told makes it.
  bool claim(const TemplateKey& key);
  // Instead of the one with this key. Those used longest ago go when there are too many.
  void keep(const TemplateKey& key, Fd file);

 private:
  struct Entry {
    TemplateKey key;
    std::shared_ptr<const Fd> file;
  };
  static constexpr size_t most = 64;

  std::mutex mutex_;
  std::set<TemplateKey> claimed_;
  std::list<Entry> entries_;  // the one used last in front
};

// An empty file for a template of so much memory, to be sealed once it is written.
Result<Fd> new_template(uint64_t memory_bytes);

}  // namespace vireo
