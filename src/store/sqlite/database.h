// SPDX-License-Identifier: Apache-2.0
// One SQLite connection and its statements, with our errors: they name the file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vireo {

// Not thread-safe: one caller at a time.
class Database {
 public:
  // Makes the file if it is absent. Nobody else can use it until this is destroyed.
  static Result<Database> open(const std::string& path);
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<void> execute(const char* sql);     // one or more statements without results
  Error error(std::string_view task) const;  // of the last call that failed
  sqlite3* raw() const { return connection_; }

 private:
  Database(sqlite3* connection, std::string path)
      : connection_(connection), path_(std::move(path)) {}
  sqlite3* connection_ = nullptr;
  std::string path_;
};

// A prepared statement, used again and again: bind() from the left, next() row by row.
class Statement {
 public:
  static Result<Statement> prepare(const Database& database, const char* sql);
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(std::string_view text);  // copied
  Statement& bind(uint64_t number);
  // True: a row is there, false: no more rows. Then, as after an error, bind() begins anew.
  Result<bool> next(const Database& database);
  Result<void> run(const Database& database);  // to its end; for statements without rows
  void reset();                                // when not read to the end
  std::string text(int column) const;
  uint64_t number(int column) const;

 private:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

}  // namespace vireo
