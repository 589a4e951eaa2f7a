// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace vireo {
namespace {

Errc code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::corrupt;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Errc::exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::unavailable;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return Errc::denied;
    default:
      return Errc::internal;
  }
}

Error describe(int sqlite_code, const std::string& path, std::string_view task, const char* why) {
  const Errc code = code_of(sqlite_code);
  const char* hint = code == Errc::unavailable ? " (another process uses it)" : "";
  return Error{code, fmt::format("cannot {} {}: {}{}", task, path, why, hint)};
}

}  // namespace

Result<Database> Database::open(const std::string& path) {
  sqlite3* raw = nullptr;
  // No mutex of its own: the store has one.
  const int code =
      ::sqlite3_open_v2(path.c_str(), &raw,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw, path);
  if (code != SQLITE_OK) return describe(code, path, "open", ::sqlite3_errstr(code));
  // Exclusive before WAL: then no shared memory file is made. In WAL mode only FULL makes a commit
  // durable when it returns.
  TRY(
      database.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                       "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"));
  return database;
}

Database::Database(Database&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), path_(std::move(other.path_)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(path_, other.path_);
  return *this;
}

Database::~Database() { ::sqlite3_close(connection_); }

Result<void> Database::execute(const char* sql) {
  if (::sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return error("use");
}

Error Database::error(std::string_view task) const {
  return describe(::sqlite3_errcode(connection_), path_, task, ::sqlite3_errmsg(connection_));
}

Result<Statement> Statement::prepare(const Database& database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      ::sqlite3_prepare_v3(database.raw(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return database.error("use");
  return Statement(statement);
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), bound_(other.bound_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(bound_, other.bound_);
  return *this;
}

Statement::~Statement() { ::sqlite3_finalize(statement_); }

Statement& Statement::bind(std::string_view text) {
  ::sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind(uint64_t number) {
  ::sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(number));
  return *this;
}

Result<bool> Statement::next(const Database& database) {
  const int code = ::sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = database.error("use");  // before the reset, which forgets it
  reset();
  return error;
}

Result<void> Statement::run(const Database& database) {
  TRY(next(database));
  return {};
}

void Statement::reset() {
  ::sqlite3_reset(statement_);
  bound_ = 0;
}

std::string Statement::text(int column) const {
  const unsigned char* bytes = ::sqlite3_column_text(statement_, column);
  const auto size = static_cast<size_t>(::sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? "" : std::string(reinterpret_cast<const char*>(bytes), size);
}

uint64_t Statement::number(int column) const {
  return static_cast<uint64_t>(::sqlite3_column_int64(statement_, column));
}

}  // namespace vireo
