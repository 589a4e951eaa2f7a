// SPDX-License-Identifier: Apache-2.0
// Gives out numbers that no two owners share, and remembers them longer than a daemon lives: the
// daemon makes one of its store.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/result.h"

namespace vireo {

// Thread-safe.
class NumberSource {
 public:
  virtual ~NumberSource() = default;
  // The lowest free number of [0, limit); the same owner gets the same again. Errc::exhausted.
  virtual Result<uint64_t> allocate(const std::string& owner, uint64_t limit) = 0;
  virtual Result<void> release(const std::string& owner) = 0;  // unknown: success
};

// Remembers as long as the object lives: for drivers without a daemon.
class LocalNumbers final : public NumberSource {
 public:
  Result<uint64_t> allocate(const std::string& owner, uint64_t limit) override {
    std::lock_guard lock(mutex_);
    if (auto own = owners_.find(owner); own != owners_.end()) return own->second;
    uint64_t number = 0;
    while (taken_.contains(number)) number++;
    if (number >= limit) return Error{Errc::exhausted, "no number is free"};
    taken_.insert(number);
    return owners_[owner] = number;
  }
  Result<void> release(const std::string& owner) override {
    std::lock_guard lock(mutex_);
    if (auto own = owners_.extract(owner)) taken_.erase(own.mapped());
    return {};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, uint64_t> owners_;
  std::set<uint64_t> taken_;
};

}  // namespace vireo
