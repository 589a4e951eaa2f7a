// SPDX-License-Identifier: Apache-2.0
// Keeps desired and observed state as JSON documents under keys. Contract suite: tests/contract/.
//
// Keys are "KIND/HOST/TENANT/NAME...": every key carries a host and a tenant from the first day
// ("local" and "default" now). Thread-safe. A commit is atomic and durable when it returns.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vireo {

using Key = std::string;
using Revision = uint64_t;  // grows by one with each commit; 0: does not exist

struct Record {
  Key key;
  std::string value;      // JSON
  Revision revision = 0;  // of the commit that wrote it
};

struct Write {
  Key key;
  std::optional<std::string> value;  // nothing: erase (of an absent key: success)
  std::optional<Revision> based_on;  // Errc::conflict if the key's revision is another
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<Record> get(const Key& key) = 0;
  virtual Result<std::vector<Record>> list(std::string_view prefix) = 0;  // in the keys' order
  virtual Result<Revision> commit(std::span<const Write> writes) = 0;     // all or nothing
  // Takes the lowest free number of [0, limit) in `range` and binds it durably to `owner`; the same
  // owner gets the same number again. Errc::exhausted when none is free.
  virtual Result<uint64_t> allocate(std::string_view range, std::string_view owner,
                                    uint64_t limit) = 0;
  virtual Result<void> release(std::string_view range, std::string_view owner) = 0;
};

}  // namespace vireo
