// SPDX-License-Identifier: Apache-2.0
// The store in one SQLite file (write-ahead log, every commit on the disk before it returns).
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/number_range.h"
#include "store/sqlite/database.h"
#include "store/store.h"

namespace vireo {

class SqliteStore final : public Store {
 public:
  // Makes the file (mode 0600) if it is absent, checks it otherwise. Errc::corrupt: it is damaged;
  // Errc::unsupported: a newer Vireo wrote it; Errc::unavailable: another process has it open.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path);

  Result<Record> get(const Key& key) override;
  Result<std::vector<Record>> list(std::string_view prefix) override;
  Result<Revision> commit(std::span<const Write> writes) override;
  Result<uint64_t> allocate(std::string_view range, std::string_view owner,
                            uint64_t limit) override;
  Result<void> release(std::string_view range, std::string_view owner) override;

 private:
  struct Statements {
    Statement get, list, put, erase, revision, advance, bind, release, begin, commit, rollback;
  };
  SqliteStore(Database database, Statements statements);
  static Result<Statements> prepare(const Database& database);
  Result<void> load_numbers();
  Result<Revision> revision_of(const Key& key);
  Result<Revision> write_all(std::span<const Write> writes);

  std::mutex mutex_;
  Database database_;
  Statements statements_;
  std::map<std::string, NumberRange, std::less<>> ranges_;  // as in the file, which is ours alone
};

}  // namespace vireo
