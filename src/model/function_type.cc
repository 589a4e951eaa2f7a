// SPDX-License-Identifier: Apache-2.0
#include "model/function_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/json.h"
#include "model/config_layout.h"
#include "model/finding.h"

namespace vireo {
namespace {

constexpr size_t largest_label = 256u << 10;
constexpr std::array<std::string_view, 3> role_names{"transparent", "routed", "endpoint"};
constexpr std::array<std::string_view, 2> port_names{"packet", "stack"};
constexpr std::array<std::string_view, 14> type_names{
    "boolean", "u8", "u16",    "u32", "u64",  "duration_ms", "ipv4",
    "ipv6",    "ip", "prefix", "mac", "text", "choice",      "records"};

const std::vector<std::string> type_keys{"name",         "summary",    "role",    "ports",
                                         "fewest_ports", "most_ports", "abi",     "state_version",
                                         "config_size",  "config",     "counters"};
const std::vector<std::string> field_keys{"name",     "type",     "offset",  "size",
                                          "most",     "minimum",  "maximum", "choices",
                                          "required", "fallback", "help",    "fields"};

Error wrong(std::string_view path, std::string_view message) {
  std::string where =
      path.empty() ? std::string("function label") : fmt::format("function label: {}", path);
  return {Errc::invalid, fmt::format("{}: {}", where, message)};
}

// Reads the members of one object of the label; remembers the first fault.
class LabelReader {
 public:
  LabelReader(const Json& json, std::string path, const std::vector<std::string>& keys)
      : json_(json), path_(std::move(path)) {
    if (!json.is_object()) fail("", "must be an object");
    for (const auto& [key, value] : json.members())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        std::string hint = did_you_mean(key, keys);
        fail("", fmt::format("{} is not a key here{}", quoted(key),
                             hint.empty() ? "" : fmt::format(", {}", hint)));
      }
  }

  std::string text(std::string_view key, size_t longest) {
    const Json& value = json_[key];
    if (value.is_null()) return {};
    std::string text = value.text();
    if (!value.is_string()) fail(key, "must be text");
    if (text.size() > longest) fail(key, fmt::format("is longer than {} bytes", longest));
    return text;
  }
  uint64_t number(std::string_view key, uint64_t most, uint64_t fallback = 0) {
    const Json& value = json_[key];
    if (value.is_null()) return fallback;
    std::optional<uint64_t> number = unsigned_of(value);
    if (!number || *number > most) {
      fail(key, fmt::format("must be a whole number from 0 to {}", most));
      return fallback;
    }
    return *number;
  }
  uint32_t small(std::string_view key, uint64_t most, uint32_t fallback = 0) {
    return static_cast<uint32_t>(number(key, most, fallback));
  }
  bool boolean(std::string_view key) {
    const Json& value = json_[key];
    if (!value.is_null() && !value.is_bool()) fail(key, "must be true or false");
    return value.boolean();
  }
  template <class Enum>
  Enum word(std::string_view key, std::span<const std::string_view> words) {
    std::string word = json_[key].text();
    auto found = std::find(words.begin(), words.end(), word);
    if (found != words.end()) return static_cast<Enum>(found - words.begin());
    fail(key, fmt::format("{} is none of {}", quoted(word), fmt::join(words, ", ")));
    return Enum{};
  }
  std::vector<std::string> words(std::string_view key, size_t most, size_t longest) {
    const Json& value = json_[key];
    if (!value.is_null() && !value.is_array()) fail(key, "must be a list of text");
    if (value.items().size() > most) fail(key, fmt::format("has more than {} entries", most));
    for (const Json& item : value.items())
      if (!item.is_string() || item.text().empty() || item.text().size() > longest)
        fail(key, fmt::format("each entry must be text of 1 to {} bytes", longest));
    return strings_of(value);
  }
  const Json::Array& list(std::string_view key, size_t most) {
    const Json& value = json_[key];
    if (!value.is_null() && !value.is_array()) fail(key, "must be a list");
    if (value.items().size() > most) fail(key, fmt::format("has more than {} entries", most));
    return value.items();
  }

  void fail(std::string_view key, std::string_view message) {
    if (fault_) return;
    std::string_view dot = path_.empty() || key.empty() ? "" : ".";
    fault_ = wrong(fmt::format("{}{}{}", path_, dot, key), message);
  }
  Result<void> done() {
    if (fault_) return *fault_;
    return {};
  }

 private:
  const Json& json_;
  std::string path_;
  std::optional<Error> fault_;
};

Result<std::vector<ConfigField>> read_fields(const Json::Array& list, const std::string& path,
                                             int depth);

Result<ConfigField> read_field(const Json& json, const std::string& path, int depth) {
  LabelReader reader(json, path, field_keys);
  ConfigField field;
  field.name = reader.text("name", config_limits::longest_name);
  field.type = reader.word<FieldType>("type", type_names);
  field.offset = reader.small("offset", config_limits::largest_config);
  field.size = reader.small("size", config_limits::largest_config);
  field.most = reader.small("most", config_limits::largest_config);
  field.minimum = reader.number("minimum", UINT64_MAX);
  field.maximum = reader.number("maximum", UINT64_MAX);
  field.choices = reader.words("choices", 255, config_limits::longest_name);
  field.required = reader.boolean("required");
  field.fallback = reader.text("fallback", 4096);
  field.help = reader.text("help", 4096);
  const Json::Array& inner = reader.list("fields", config_limits::most_fields);
  if (depth == 2 && !inner.empty()) reader.fail("fields", "records within records");
  TRY(reader.done());
  field.fields = TRY(read_fields(inner, path + ".fields", depth + 1));
  return field;
}

Result<std::vector<ConfigField>> read_fields(const Json::Array& list, const std::string& path,
                                             int depth) {
  std::vector<ConfigField> fields;
  for (size_t i = 0; i < list.size(); i++)
    fields.push_back(TRY(read_field(list[i], fmt::format("{}[{}]", path, i), depth)));
  return fields;
}

Json json_of_field(const ConfigField& field) {
  Json json = Json::object();
  json.set("name", field.name).set("type", type_names[static_cast<size_t>(field.type)]);
  json.set("offset", field.offset);
  if (field.size != 0) json.set("size", field.size);
  if (field.most != 0) json.set("most", field.most);
  if (field.minimum != 0 || field.maximum != 0)
    json.set("minimum", field.minimum).set("maximum", field.maximum);
  if (!field.choices.empty()) json.set("choices", json_of(field.choices));
  if (field.required) json.set("required", true);
  if (!field.fallback.empty()) json.set("fallback", field.fallback);
  if (!field.help.empty()) json.set("help", field.help);
  for (const ConfigField& inner : field.fields)
    json.set("fields", Json(json["fields"]).push(json_of_field(inner)));
  return json;
}

Result<void> check_counters(const FunctionType& type) {
  for (size_t i = 0; i < type.counters.size(); i++) {
    const std::string& name = type.counters[i];
    std::string path = fmt::format("counters[{}]", i);
    if (std::find(type.counters.begin(), type.counters.begin() + static_cast<ptrdiff_t>(i), name) !=
        type.counters.begin() + static_cast<ptrdiff_t>(i))
      return wrong(path, fmt::format("{} is there twice", quoted(name)));
    const bool each = name.ends_with("[]");
    if (!is_config_name(each ? std::string_view(name).substr(0, name.size() - 2) : name))
      return wrong(path, fmt::format("{} is not a name", quoted(name)));
    if (!each) continue;
    if (i + 1 != type.counters.size())
      return wrong(path, "a counter for each record must be the last one");
    bool found = false;
    for (const ConfigField& field : type.config)
      found |= field.type == FieldType::records && field.name + "[]" == name;
    if (!found) return wrong(path, fmt::format("{} names no records field", quoted(name)));
  }
  return {};
}

}  // namespace

Result<FunctionType> function_type_from_json(std::string_view json) {
  if (json.size() > largest_label)
    return wrong("", fmt::format("is larger than {} KiB", largest_label >> 10));
  const Json root = TRY_IN("function label", parse_json(json));
  LabelReader reader(root, "", type_keys);
  FunctionType type;
  type.name = reader.text("name", config_limits::longest_name);
  if (!is_config_name(type.name)) reader.fail("name", "must be a name such as `firewall`");
  type.summary = reader.text("summary", 1024);
  type.role = reader.word<FunctionRole>("role", role_names);
  type.ports = reader.word<PortStyle>("ports", port_names);
  type.fewest_ports = reader.small("fewest_ports", config_limits::most_ports, 1);
  type.most_ports = reader.small("most_ports", config_limits::most_ports, 1);
  if (type.fewest_ports > type.most_ports) reader.fail("fewest_ports", "is more than `most_ports`");
  type.abi = reader.small("abi", UINT32_MAX);
  type.state_version = reader.small("state_version", UINT32_MAX);
  type.config_size = reader.small("config_size", config_limits::largest_config);
  type.counters =
      reader.words("counters", config_limits::most_counters, config_limits::longest_name);
  const Json::Array& fields = reader.list("config", config_limits::most_fields);
  TRY(reader.done());
  type.config = TRY(read_fields(fields, "config", 1));
  if (auto fault = layout_fault(type.config, type.config_size, "config"))
    return wrong(fault->path, fault->message);
  TRY(check_counters(type));
  return type;
}

std::string to_json(const FunctionType& type) {
  Json json = Json::object();
  json.set("name", type.name).set("summary", type.summary);
  json.set("role", role_names[static_cast<size_t>(type.role)]);
  json.set("ports", port_names[static_cast<size_t>(type.ports)]);
  json.set("fewest_ports", type.fewest_ports).set("most_ports", type.most_ports);
  json.set("abi", type.abi).set("state_version", type.state_version);
  json.set("config_size", type.config_size);
  Json fields = Json::array();
  for (const ConfigField& field : type.config) fields.push(json_of_field(field));
  json.set("config", std::move(fields)).set("counters", json_of(type.counters));
  return json.dump();
}

}  // namespace vireo
