// SPDX-License-Identifier: Apache-2.0
// Ranges of user ids, kept in the store.
#pragma once
#include "driver/number_source.h"
#include "store/store.h"

namespace vireo {

class StoreNumbers final : public NumberSource {
 public:
  explicit StoreNumbers(Store& store) : store_(store) {}
  Result<uint64_t> allocate(const std::string& owner, uint64_t limit) override {
    return store_.allocate(range, owner, limit);
  }
  Result<void> release(const std::string& owner) override { return store_.release(range, owner); }

 private:
  static constexpr const char* range = "user-ids";
  Store& store_;
};

}  // namespace vireo
