// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/net_address.h"
#include "base/text.h"
#include "model/config_layout.h"
#include "model/finding.h"

namespace vireo {
namespace {

constexpr size_t most_errors = 100;
constexpr size_t largest_text = 4u << 20;  // of a configuration as JSON

// Encodes one struct: the configuration itself or one element of a records field.
class StructEncoder {
 public:
  StructEncoder(std::span<uint8_t> bytes, std::vector<ConfigError>& errors)
      : bytes_(bytes), errors_(errors) {}

  // `whose` completes "... is not a key of", `path` is in front of each key.
  void members(std::span<const ConfigField> fields, const Json& json, const std::string& path,
               std::string_view whose) {
    if (!json.is_object())
      return fail(path, fmt::format("{} is not a set of keys", shown(json)), "write `key: value`");
    for (const auto& [key, value] : json.members()) check_key(fields, key, path, whose);
    for (const ConfigField& field : fields) {
      const std::string here = path.empty() ? field.name : path + "." + field.name;
      if (json.has(field.name))
        value(field, json[field.name], here);
      else if (field.required)
        fail(here, fmt::format("`{}` is missing", field.name), expectation(field));
      else if (!field.fallback.empty())
        if (Result<Json> fallback = parse_json(field.fallback)) value(field, *fallback, here);
    }
  }

  void value(const ConfigField& field, const Json& json, const std::string& path) {
    switch (field.type) {
      case FieldType::boolean:
        if (!json.is_bool()) return refuse(field, json, path);
        return put(field.offset, uint8_t{json.boolean()});
      case FieldType::u8:
      case FieldType::u16:
      case FieldType::u32:
      case FieldType::u64:
        return number(field, unsigned_of(json), json, path);
      case FieldType::duration_ms:
        return number(field, milliseconds(json), json, path);
      case FieldType::ipv4:
      case FieldType::ipv6:
      case FieldType::ip:
        return address(field, json, path);
      case FieldType::prefix:
        return prefix(field, json, path);
      case FieldType::mac:
        return mac(field, json, path);
      case FieldType::text:
        return text(field, json, path);
      case FieldType::choice:
        return choice(field, json, path);
      case FieldType::records:
        return records(field, json, path);
    }
  }

 private:
  static std::string shown(const Json& json) {
    return quoted(json.is_string() ? json.text() : json.dump());
  }

  static std::string expectation(const ConfigField& field) {
    const NumberBounds range = range_of(field);
    switch (field.type) {
      case FieldType::boolean:
        return "give true or false";
      case FieldType::u8:
      case FieldType::u16:
      case FieldType::u32:
      case FieldType::u64:
        return fmt::format("give a whole number from {} to {}", range.minimum, range.maximum);
      case FieldType::duration_ms:
        return fmt::format("give a time such as `30s`, from {} ms to {} ms", range.minimum,
                           range.maximum);
      case FieldType::ipv4:
        return "give an IPv4 address such as `10.0.0.1`";
      case FieldType::ipv6:
        return "give an IPv6 address such as `2001:db8::1`";
      case FieldType::ip:
        return "give an address such as `10.0.0.1` or `2001:db8::1`";
      case FieldType::prefix:
        return "give a prefix such as `10.0.0.0/24` or `2001:db8::/64`";
      case FieldType::mac:
        return "give a MAC address such as `02:00:00:00:00:01`";
      case FieldType::text:
        return fmt::format("give text of at most {} bytes", field.size - 1);
      case FieldType::choice:
        return fmt::format("give one of {}", fmt::join(field.choices, ", "));
      case FieldType::records:
        return fmt::format("give a list of at most {}", field.most);
    }
    return {};
  }

  void fail(const std::string& path, std::string message, std::string fix) {
    if (errors_.size() < most_errors) errors_.push_back({path, std::move(message), std::move(fix)});
  }
  void refuse(const ConfigField& field, const Json& json, const std::string& path) {
    fail(path, fmt::format("{} is no value of `{}`", shown(json), field.name), expectation(field));
  }

  void check_key(std::span<const ConfigField> fields, const std::string& key,
                 const std::string& path, std::string_view whose) {
    std::vector<std::string> names;
    for (const ConfigField& field : fields) names.push_back(field.name);
    if (std::find(names.begin(), names.end(), key) != names.end()) return;
    std::string fix = did_you_mean(key, names);
    if (fix.empty())
      fix = names.empty() ? "leave it out" : fmt::format("known: {}", fmt::join(names, ", "));
    fail(path.empty() ? key : path + "." + key,
         fmt::format("{} is not a key of {}", quoted(key), whose), std::move(fix));
  }

  void copy(uint32_t offset, const void* from, size_t count) {
    CHECK(offset + count <= bytes_.size());
    std::memcpy(bytes_.data() + offset, from, count);
  }
  template <class T>
  void put(uint32_t offset, T value) {
    static_assert(std::endian::native == std::endian::little);
    copy(offset, &value, sizeof value);
  }

  static std::optional<uint64_t> milliseconds(const Json& json) {
    if (!json.is_string()) return unsigned_of(json);
    Result<std::chrono::nanoseconds> duration = parse_duration(json.text());
    if (!duration || duration->count() < 0 || duration->count() % 1'000'000 != 0) return {};
    return static_cast<uint64_t>(duration->count() / 1'000'000);
  }

  void number(const ConfigField& field, std::optional<uint64_t> number, const Json& json,
              const std::string& path) {
    const NumberBounds range = range_of(field);
    if (!number || *number < range.minimum || *number > range.maximum)
      return refuse(field, json, path);
    copy(field.offset, &*number, bytes_of(field));
  }

  void put_address(uint32_t offset, const IpAddress& ip, uint8_t length) {
    put(offset, static_cast<uint8_t>(ip.v6 ? 6 : 4));
    put(offset + 1, length);
    copy(offset + 4, ip.bytes.data(), ip.bytes.size());
  }

  void address(const ConfigField& field, const Json& json, const std::string& path) {
    Result<IpAddress> ip = parse_ip(json.text());
    if (!ip || (field.type == FieldType::ipv4 && ip->v6) ||
        (field.type == FieldType::ipv6 && !ip->v6))
      return refuse(field, json, path);
    if (field.type == FieldType::ip) return put_address(field.offset, *ip, 0);
    copy(field.offset, ip->bytes.data(), ip->size());
  }

  // An address alone means itself: 10.0.0.5 is 10.0.0.5/32.
  void prefix(const ConfigField& field, const Json& json, const std::string& path) {
    const std::string text = json.text();
    Result<IpPrefix> prefix = parse_prefix(text);
    if (Result<IpAddress> alone = parse_ip(text)) prefix = IpPrefix{*alone, alone->bits()};
    if (!prefix) return refuse(field, json, path);
    put_address(field.offset, prefix->address, static_cast<uint8_t>(prefix->length));
  }

  void mac(const ConfigField& field, const Json& json, const std::string& path) {
    Result<MacAddress> mac = parse_mac(json.text());
    if (!mac) return refuse(field, json, path);
    copy(field.offset, mac->bytes.data(), mac->bytes.size());
  }

  void text(const ConfigField& field, const Json& json, const std::string& path) {
    const std::string text = json.text();
    if (!json.is_string() || text.size() >= field.size || text.find('\0') != std::string::npos)
      return refuse(field, json, path);
    copy(field.offset, text.data(), text.size());
  }

  void choice(const ConfigField& field, const Json& json, const std::string& path) {
    auto found = std::find(field.choices.begin(), field.choices.end(), json.text());
    if (json.is_string() && found != field.choices.end())
      return put(field.offset, static_cast<uint8_t>(found - field.choices.begin()));
    std::string fix = did_you_mean(json.text(), field.choices);
    fail(path, fmt::format("{} is no value of `{}`", shown(json), field.name),
         fix.empty() ? expectation(field) : std::move(fix));
  }

  void records(const ConfigField& field, const Json& json, const std::string& path) {
    if (!json.is_array()) return refuse(field, json, path);
    const Json::Array& items = json.items();
    if (items.size() > field.most)
      return fail(path, fmt::format("{} entries are too many", items.size()), expectation(field));
    put(field.offset, static_cast<uint32_t>(items.size()));
    for (size_t i = 0; i < items.size(); i++) {
      StructEncoder element(bytes_.subspan(field.offset + 8 + i * field.size, field.size), errors_);
      element.members(field.fields, items[i], fmt::format("{}[{}]", path, i),
                      fmt::format("`{}`", field.name));
    }
  }

  std::span<uint8_t> bytes_;
  std::vector<ConfigError>& errors_;
};

}  // namespace

std::optional<uint64_t> unsigned_of(const Json& json) {
  const uint64_t number = json.unsigned_integer(UINT64_MAX);
  if (number == UINT64_MAX && json.unsigned_integer(0) == 0) return {};
  return number;
}

void encode_field(const ConfigField& field, const Json& value, const std::string& path,
                  std::span<uint8_t> record, std::vector<ConfigError>& errors) {
  StructEncoder(record, errors).value(field, value, path);
}

EncodedConfig encode_config(const FunctionType& type, std::string_view config_json) {
  EncodedConfig encoded;
  if (config_json.size() > largest_text) {
    encoded.errors.push_back({"", "the configuration is larger than 4 MiB", ""});
    return encoded;
  }
  Result<Json> json = config_json.empty() ? Json::object() : parse_json(config_json);
  if (!json) {
    encoded.errors.push_back({"", json.error().message, ""});
    return encoded;
  }
  std::vector<uint8_t> bytes(type.config_size);
  StructEncoder(bytes, encoded.errors)
      .members(type.config, *json, "", fmt::format("the configuration of {}", type.name));
  if (encoded.errors.empty()) encoded.bytes.assign(bytes.begin(), bytes.end());
  return encoded;
}

}  // namespace vireo
