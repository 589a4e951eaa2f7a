// SPDX-License-Identifier: Apache-2.0
// A store that ends with the process: for tests and for trying things out.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "store/number_range.h"
#include "store/store.h"

namespace vireo {

class MemoryStore final : public Store {
 public:
  Result<Record> get(const Key& key) override;
  Result<std::vector<Record>> list(std::string_view prefix) override;
  Result<Revision> commit(std::span<const Write> writes) override;
  Result<uint64_t> allocate(std::string_view range, std::string_view owner,
                            uint64_t limit) override;
  Result<void> release(std::string_view range, std::string_view owner) override;

 private:
  Revision revision_of(const Key& key) const;

  std::mutex mutex_;
  std::map<Key, Record> records_;
  std::map<std::string, NumberRange, std::less<>> ranges_;
  Revision revision_ = 0;
};

}  // namespace vireo
