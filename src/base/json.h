// SPDX-License-Identifier: Apache-2.0
// JSON as a plain value with a light header; the library behind it is included in json.cc alone.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace vireo {

// Objects keep the order in which members were added, so that output reads as it was written.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}                                       // NOLINT(*-explicit-*)
  Json(bool value) : value_(value) {}                           // NOLINT(*-explicit-*)
  Json(int value) : value_(int64_t{value}) {}                   // NOLINT(*-explicit-*)
  Json(unsigned value) : value_(int64_t{value}) {}              // NOLINT(*-explicit-*)
  Json(int64_t value) : value_(value) {}                        // NOLINT(*-explicit-*)
  Json(uint64_t value) : value_(value) {}                       // NOLINT(*-explicit-*)
  Json(double value) : value_(value) {}                         // NOLINT(*-explicit-*)
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT(*-explicit-*)
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT(*-explicit-*)
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT(*-explicit-*)
  Json(Array value) : value_(std::move(value)) {}               // NOLINT(*-explicit-*)
  Json(Object value) : value_(std::move(value)) {}              // NOLINT(*-explicit-*)

  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return value_.index() == 0; }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_number() const;
  bool is_integer() const { return std::holds_alternative<int64_t>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The value, or the fallback when it is of another kind.
  bool boolean(bool fallback = false) const;
  double number(double fallback = 0) const;
  int64_t integer(int64_t fallback = 0) const;
  uint64_t unsigned_integer(uint64_t fallback = 0) const;  // exact beyond int64 too
  std::string text(std::string_view fallback = {}) const;
  const Array& items() const;     // empty for another kind
  const Object& members() const;  // empty for another kind

  const Json& operator[](std::string_view key) const;  // null when absent
  bool has(std::string_view key) const;
  Json& set(std::string key, Json value);  // makes this an object; replaces; *this
  Json& push(Json value);                  // makes this an array; *this

  std::string dump(int indent = -1) const;  // invalid UTF-8 is replaced
  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

// RFC 8259, at most 128 levels deep; a duplicate member is an error. Names the place of the fault.
Result<Json> parse_json(std::string_view text);

Json json_of(const std::vector<std::string>& strings);
std::vector<std::string> strings_of(const Json& array);  // what is no string is left out

}  // namespace vireo
