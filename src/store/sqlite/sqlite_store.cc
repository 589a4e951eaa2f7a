// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <fmt/format.h>

#include "base/fd.h"
#include "base/rollback.h"

namespace vireo {
namespace {

constexpr uint64_t schema_version = 1;
constexpr const char* schema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE records (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL,
                        revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE numbers (range TEXT NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL,
                        PRIMARY KEY (range, owner), UNIQUE (range, number)) WITHOUT ROWID;
  CREATE TABLE last (revision INTEGER NOT NULL);
  INSERT INTO last VALUES (0);
  PRAGMA user_version = 1;
  COMMIT;
)";

Result<void> check_file(const Database& database, const std::string& path) {
  Statement check = TRY(Statement::prepare(database, "PRAGMA quick_check(1)"));
  TRY(check.next(database));
  const std::string verdict = check.text(0);
  if (verdict == "ok") return {};
  return Error{Errc::corrupt, fmt::format("{} is damaged: {}", path, verdict)};
}

Result<void> bring_up_to_date(Database& database, const std::string& path) {
  Statement ask = TRY(Statement::prepare(database, "PRAGMA user_version"));
  TRY(ask.next(database));
  const uint64_t version = ask.number(0);
  ask.reset();
  if (version == 0) return database.execute(schema);
  if (version == schema_version) return check_file(database, path);
  return Error{
      Errc::unsupported,
      fmt::format("{} has format {}, this version knows {}: use the newer Vireo that wrote "
                  "it",
                  path, version, schema_version)};
}

// The first text behind all that begin with `prefix`; empty: there is none.
std::string end_of(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
  // Made here, so that nobody else can read it even for a moment.
  const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return system_error(fmt::format("cannot open {}", path));
  Database database = TRY(Database::open(path));
  TRY(bring_up_to_date(database, path));
  Statements statements = TRY(prepare(database));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(database), std::move(statements)));
  TRY(store->load_numbers());
  return store;
}

SqliteStore::SqliteStore(Database database, Statements statements)
    : database_(std::move(database)), statements_(std::move(statements)) {}

Result<SqliteStore::Statements> SqliteStore::prepare(const Database& database) {
  const auto make = [&](const char* sql) { return Statement::prepare(database, sql); };
  Statements all;
  all.get = TRY(make("SELECT value, revision FROM records WHERE key = ?"));
  all.list =
      TRY(make("SELECT key, value, revision FROM records WHERE key >= ?1 AND "
               "(?2 = '' OR key < ?2) ORDER BY key"));
  all.put = TRY(make("INSERT OR REPLACE INTO records SELECT ?1, ?2, revision FROM last"));
  all.erase = TRY(make("DELETE FROM records WHERE key = ?"));
  all.revision = TRY(make("SELECT revision FROM last"));
  all.advance = TRY(make("UPDATE last SET revision = revision + 1"));
  all.bind = TRY(make("INSERT INTO numbers VALUES (?, ?, ?)"));
  all.release = TRY(make("DELETE FROM numbers WHERE range = ? AND owner = ?"));
  all.begin = TRY(make("BEGIN IMMEDIATE"));
  all.commit = TRY(make("COMMIT"));
  all.rollback = TRY(make("ROLLBACK"));
  return all;
}

Result<void> SqliteStore::load_numbers() {
  Statement all = TRY(Statement::prepare(database_, "SELECT range, owner, number FROM numbers"));
  while (TRY(all.next(database_))) ranges_[all.text(0)].bind(all.text(1), all.number(2));
  return {};
}

Result<Record> SqliteStore::get(const Key& key) {
  const std::lock_guard lock(mutex_);
  Statement& get = statements_.get;
  if (!TRY(get.bind(key).next(database_))) {
    return Error{Errc::not_found, fmt::format("no record {}", key)};
  }
  Record record{key, get.text(0), get.number(1)};
  get.reset();
  return record;
}

Result<std::vector<Record>> SqliteStore::list(std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  Statement& list = statements_.list;
  std::vector<Record> found;
  list.bind(prefix).bind(end_of(prefix));
  while (TRY(list.next(database_))) {
    found.push_back({list.text(0), list.text(1), list.number(2)});
  }
  return found;
}

Result<Revision> SqliteStore::commit(std::span<const Write> writes) {
  const std::lock_guard lock(mutex_);
  for (const Write& write : writes) {
    const Revision now = TRY(revision_of(write.key));
    if (write.based_on && *write.based_on != now) {
      return Error{Errc::conflict,
                   fmt::format("{} is at revision {}, not {}", write.key, now, *write.based_on)};
    }
  }
  TRY(statements_.begin.run(database_));
  Rollback undo([this] { static_cast<void>(statements_.rollback.run(database_)); });
  const Revision revision = TRY(write_all(writes));
  TRY(statements_.commit.run(database_));
  undo.dismiss();
  return revision;
}

Result<Revision> SqliteStore::revision_of(const Key& key) {
  Statement& get = statements_.get;
  if (!TRY(get.bind(key).next(database_))) return Revision{0};
  const Revision revision = get.number(1);
  get.reset();
  return revision;
}

Result<Revision> SqliteStore::write_all(std::span<const Write> writes) {
  TRY(statements_.advance.run(database_));
  for (const Write& write : writes) {
    if (write.value) TRY(statements_.put.bind(write.key).bind(*write.value).run(database_));
    if (!write.value) TRY(statements_.erase.bind(write.key).run(database_));
  }
  TRY(statements_.revision.next(database_));
  const Revision revision = statements_.revision.number(0);
  statements_.revision.reset();
  return revision;
}

Result<uint64_t> SqliteStore::allocate(std::string_view range, std::string_view owner,
                                       uint64_t limit) {
  const std::lock_guard lock(mutex_);
  NumberRange& numbers = ranges_[std::string(range)];
  if (const auto own = numbers.of(owner)) return *own;
  const uint64_t lowest = numbers.lowest_free();
  if (lowest >= limit) {
    return Error{Errc::exhausted, fmt::format("all {} numbers of {} are taken", limit, range)};
  }
  TRY(statements_.bind.bind(range).bind(owner).bind(lowest).run(database_));
  numbers.bind(owner, lowest);
  return lowest;
}

Result<void> SqliteStore::release(std::string_view range, std::string_view owner) {
  const std::lock_guard lock(mutex_);
  const auto found = ranges_.find(range);
  if (found == ranges_.end() || !found->second.of(owner)) return {};
  TRY(statements_.release.bind(range).bind(owner).run(database_));
  found->second.release(owner);
  return {};
}

}  // namespace vireo
