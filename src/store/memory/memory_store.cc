// SPDX-License-Identifier: Apache-2.0
#include "store/memory/memory_store.h"

#include <fmt/format.h>

namespace vireo {

Result<Record> MemoryStore::get(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(key);
  if (found == records_.end()) return Error{Errc::not_found, fmt::format("no record {}", key)};
  return found->second;
}

Result<std::vector<Record>> MemoryStore::list(std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  for (auto at = records_.lower_bound(Key(prefix)); at != records_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    found.push_back(at->second);
  }
  return found;
}

Result<Revision> MemoryStore::commit(std::span<const Write> writes) {
  const std::lock_guard lock(mutex_);
  for (const Write& write : writes) {
    const Revision now = revision_of(write.key);
    if (write.based_on && *write.based_on != now) {
      return Error{Errc::conflict,
                   fmt::format("{} is at revision {}, not {}", write.key, now, *write.based_on)};
    }
  }
  ++revision_;
  for (const Write& write : writes) {
    if (write.value) records_[write.key] = {write.key, *write.value, revision_};
    if (!write.value) records_.erase(write.key);
  }
  return revision_;
}

Revision MemoryStore::revision_of(const Key& key) const {
  const auto found = records_.find(key);
  return found == records_.end() ? 0 : found->second.revision;
}

Result<uint64_t> MemoryStore::allocate(std::string_view range, std::string_view owner,
                                       uint64_t limit) {
  const std::lock_guard lock(mutex_);
  NumberRange& numbers = ranges_[std::string(range)];
  if (const auto own = numbers.of(owner)) return *own;
  const uint64_t lowest = numbers.lowest_free();
  if (lowest >= limit) {
    return Error{Errc::exhausted, fmt::format("all {} numbers of {} are taken", limit, range)};
  }
  numbers.bind(owner, lowest);
  return lowest;
}

Result<void> MemoryStore::release(std::string_view range, std::string_view owner) {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(range);
  if (found != ranges_.end()) found->second.release(owner);
  return {};
}

}  // namespace vireo
