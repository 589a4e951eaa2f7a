// SPDX-License-Identifier: Apache-2.0
// vnf-describe NAME: writes the label of a function as model/function_type.h reads it. A tool of
// the build; without NAME it lists the functions.
#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "vnf/function.h"

const std::vector<const vireo::vnf::FunctionTable*>& all_tables();

namespace vireo::vnf {
namespace {

constexpr const char* role_names[] = {"transparent", "routed", "endpoint"};
constexpr const char* ports_names[] = {"packet", "stack"};
constexpr const char* field_names[] = {"boolean",     "u8",   "u16",    "u32",    "u64",
                                       "duration_ms", "ipv4", "ipv6",   "ip",     "prefix",
                                       "mac",         "text", "choice", "records"};

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    words.emplace_back(list.substr(0, comma));
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  }
  return words;
}

Json fields_of(const FieldTable* fields, uint32_t count) {
  Json all = Json::array();
  for (uint32_t i = 0; i < count; i++) {
    const FieldTable& field = fields[i];
    Json one = Json::object();
    one.set("name", field.name)
        .set("type", field_names[static_cast<size_t>(field.type)])
        .set("offset", field.offset)
        .set("size", field.size)
        .set("most", field.most)
        .set("minimum", field.minimum)
        .set("maximum", field.maximum)
        .set("choices", json_of(words_of(field.choices)))
        .set("required", field.required)
        .set("fallback", field.fallback)
        .set("help", field.help)
        .set("fields", fields_of(field.fields, field.field_count));
    all.push(std::move(one));
  }
  return all;
}

Json label_of(const FunctionTable& table) {
  std::vector<std::string> counters(table.counters, table.counters + table.counter_count);
  Json label = Json::object();
  label.set("name", table.name)
      .set("summary", table.summary)
      .set("role", role_names[static_cast<size_t>(table.role)])
      .set("ports", ports_names[static_cast<size_t>(table.ports)])
      .set("fewest_ports", table.fewest_ports)
      .set("most_ports", table.most_ports)
      .set("abi", vnf_abi_version)
      .set("state_version", table.state_version)
      .set("config_size", table.config_size)
      .set("config", fields_of(table.fields, table.field_count))
      .set("counters", json_of(counters));
  return label;
}

}  // namespace
}  // namespace vireo::vnf

int main(int count, char** arguments) {
  for (const auto* table : all_tables()) {
    if (count == 1) fmt::print("{}\n", table->name);
    if (count != 2 || std::string_view(arguments[1]) != table->name) continue;
    fmt::print("{}\n", vireo::vnf::label_of(*table).dump());
    return 0;
  }
  return count == 1 ? 0 : 2;
}
