// SPDX-License-Identifier: Apache-2.0
// A function's table as its image's label: JSON as model/function_type.h reads it. Hosted, for
// tools; needs nothing but the standard library, as it is also compiled where a user builds a
// function.
#pragma once
#include <cstdio>
#include <string>
#include <string_view>

#include "vnf/function.h"

namespace vireo::vnf {

class LabelText {
 public:
  explicit LabelText(const FunctionTable& table) {
    constexpr const char* roles[] = {"transparent", "routed", "endpoint"};
    constexpr const char* ports[] = {"packet", "stack"};
    text_ = "{";
    text("name", table.name);
    text("summary", table.summary);
    text("role", roles[static_cast<size_t>(table.role)]);
    text("ports", ports[static_cast<size_t>(table.ports)]);
    number("fewest_ports", table.fewest_ports);
    number("most_ports", table.most_ports);
    number("abi", vnf_abi_version);
    number("state_version", table.state_version);
    number("config_size", table.config_size);
    name("config");
    fields(table.fields, table.field_count);
    name("counters");
    text_ += '[';
    for (uint32_t i = 0; i < table.counter_count; i++) {
      comma();
      quoted(table.counters[i]);
    }
    text_ += "]}";
  }
  const std::string& value() const { return text_; }

 private:
  void comma() {
    if (text_.back() != '{' && text_.back() != '[') text_ += ',';
  }
  void quoted(std::string_view value) {
    text_ += '"';
    for (const char letter : value) {
      char escaped[8];
      if (letter == '"' || letter == '\\') {
        text_ += '\\';
        text_ += letter;
      } else if (static_cast<unsigned char>(letter) < 0x20) {
        std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(letter));
        text_ += escaped;
      } else {
        text_ += letter;
      }
    }
    text_ += '"';
  }
  void name(const char* name) {
    comma();
    quoted(name);
    text_ += ':';
  }
  void text(const char* key, std::string_view value) {
    name(key);
    quoted(value);
  }
  void number(const char* key, uint64_t value) {
    name(key);
    text_ += std::to_string(value);
  }
  void words(const char* key, std::string_view list) {
    name(key);
    text_ += '[';
    while (!list.empty()) {
      const size_t end = list.find(',');
      comma();
      quoted(list.substr(0, end));
      list = end == list.npos ? std::string_view() : list.substr(end + 1);
    }
    text_ += ']';
  }
  void fields(const FieldTable* all, uint32_t count) {
    constexpr const char* types[] = {"boolean",     "u8",   "u16",    "u32",    "u64",
                                     "duration_ms", "ipv4", "ipv6",   "ip",     "prefix",
                                     "mac",         "text", "choice", "records"};
    text_ += '[';
    for (uint32_t i = 0; i < count; i++) {
      const FieldTable& field = all[i];
      comma();
      text_ += '{';
      text("name", field.name);
      text("type", types[static_cast<size_t>(field.type)]);
      number("offset", field.offset);
      number("size", field.size);
      number("most", field.most);
      number("minimum", field.minimum);
      number("maximum", field.maximum);
      words("choices", field.choices);
      name("required");
      text_ += field.required ? "true" : "false";
      text("fallback", field.fallback);
      text("help", field.help);
      name("fields");
      fields(field.fields, field.field_count);
      text_ += '}';
    }
    text_ += ']';
  }

  std::string text_;
};

}  // namespace vireo::vnf
