// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace vireo {
namespace {

constexpr size_t deepest = 128;

// Builds a Json from the parser's events; refuses depth and duplicate members on the way.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Json result;
  std::string fault;

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override {
    return value <= INT64_MAX ? add(static_cast<int64_t>(value)) : add(value);
  }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (open_.back().value.has(name)) {
      fault = fmt::format("duplicate member `{}`", name);
      return false;
    }
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    fault = fmt::format("not JSON at byte {}", position);
    return false;
  }

 private:
  struct Level {
    Json value;
    std::string key;
  };

  bool add(Json value) {
    if (open_.empty())
      result = std::move(value);
    else if (open_.back().value.is_array())
      open_.back().value.push(std::move(value));
    else
      open_.back().value.set(std::move(open_.back().key), std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == deepest) fault = fmt::format("deeper than {} levels", deepest);
    open_.push_back({std::move(value), {}});
    return fault.empty();
  }
  bool close() {
    Json done = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(done));
  }

  std::vector<Level> open_;
};

void write(const Json& value, int indent, int level, std::string& out);

// Most texts are plain, and a row of each of thousands of functions has fifty: as they are.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

void write_text(std::string_view text, std::string& out) {
  if (is_plain(text)) {
    out.append(1, '"').append(text).append(1, '"');
    return;
  }
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void new_line(int indent, int level, std::string& out) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<size_t>(indent * level), ' ');
}

void write_array(const Json& value, int indent, int level, std::string& out) {
  out += '[';
  for (size_t i = 0; i < value.items().size(); i++) {
    if (i > 0) out += ',';
    new_line(indent, level + 1, out);
    write(value.items()[i], indent, level + 1, out);
  }
  if (!value.items().empty()) new_line(indent, level, out);
  out += ']';
}

void write_object(const Json& value, int indent, int level, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [key, member] : value.members()) {
    if (!first) out += ',';
    first = false;
    new_line(indent, level + 1, out);
    write_text(key, out);
    out += indent < 0 ? ":" : ": ";
    write(member, indent, level + 1, out);
  }
  if (!first) new_line(indent, level, out);
  out += '}';
}

void write_number(const Json& value, std::string& out) {
  double number = value.number();
  if (value.is_integer())
    out += fmt::format("{}", value.integer());
  else if (value.unsigned_integer() != 0)
    out += fmt::format("{}", value.unsigned_integer());
  else if (!std::isfinite(number))
    out += "null";
  else if (number == std::floor(number) && std::fabs(number) < 9e15)
    out += fmt::format("{:.0f}", number);
  else
    out += fmt::format("{}", number);
}

void write(const Json& value, int indent, int level, std::string& out) {
  if (value.is_null()) out += "null";
  if (value.is_bool()) out += value.boolean() ? "true" : "false";
  if (value.is_number()) write_number(value, out);
  if (value.is_string()) write_text(value.text(), out);
  if (value.is_array()) write_array(value, indent, level, out);
  if (value.is_object()) write_object(value, indent, level, out);
}

}  // namespace

bool Json::is_number() const { return value_.index() >= 2 && value_.index() <= 4; }

bool Json::boolean(bool fallback) const {
  const bool* value = std::get_if<bool>(&value_);
  return value != nullptr ? *value : fallback;
}

double Json::number(double fallback) const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  return fallback;
}

uint64_t Json::unsigned_integer(uint64_t fallback) const {
  if (const auto* value = std::get_if<uint64_t>(&value_)) return *value;
  const auto* value = std::get_if<int64_t>(&value_);
  return value != nullptr && *value >= 0 ? static_cast<uint64_t>(*value) : fallback;
}

int64_t Json::integer(int64_t fallback) const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<uint64_t>(&value_))
    return *value <= INT64_MAX ? static_cast<int64_t>(*value) : INT64_MAX;
  if (const auto* value = std::get_if<double>(&value_))
    if (std::fabs(*value) < 9e18) return static_cast<int64_t>(*value);
  return fallback;
}

std::string Json::text(std::string_view fallback) const {
  const auto* value = std::get_if<std::string>(&value_);
  return value != nullptr ? *value : std::string(fallback);
}

const Json::Array& Json::items() const {
  static const Array none;
  const auto* value = std::get_if<Array>(&value_);
  return value != nullptr ? *value : none;
}

const Json::Object& Json::members() const {
  static const Object none;
  const auto* value = std::get_if<Object>(&value_);
  return value != nullptr ? *value : none;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json null;
  for (const Member& member : members())
    if (member.first == key) return member.second;
  return null;
}

bool Json::has(std::string_view key) const {
  for (const Member& member : members())
    if (member.first == key) return true;
  return false;
}

Json& Json::set(std::string key, Json value) {
  if (!is_object()) value_ = Object{};
  auto& object = std::get<Object>(value_);
  for (Member& member : object) {
    if (member.first != key) continue;
    member.second = std::move(value);
    return *this;
  }
  object.emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (!is_array()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string Json::dump(int indent) const {
  std::string out;
  write(*this, indent, 0, out);
  return out;
}

Result<Json> parse_json(std::string_view text) {
  Builder builder;
  if (!nlohmann::json::sax_parse(text, &builder))
    return Error{Errc::invalid, builder.fault.empty() ? "not JSON" : builder.fault};
  return std::move(builder.result);
}

Json json_of(const std::vector<std::string>& strings) {
  Json array = Json::array();
  for (const std::string& item : strings) array.push(item);
  return array;
}

std::vector<std::string> strings_of(const Json& array) {
  std::vector<std::string> strings;
  for (const Json& item : array.items())
    if (item.is_string()) strings.push_back(item.text());
  return strings;
}

}  // namespace vireo
