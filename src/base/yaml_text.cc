// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo {
namespace {

bool is_plain(const std::string& text) {
  auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '.' || c == '@';
  };
  static const std::vector<std::string> words{"true", "false", "null", "yes", "no", "on", "off"};
  bool letter_first = !text.empty() && (harmless(text[0]) && !(text[0] >= '0' && text[0] <= '9') &&
                                        text[0] != '-' && text[0] != '.' && text[0] != '@');
  return letter_first && std::all_of(text.begin(), text.end(), harmless) &&
         std::find(words.begin(), words.end(), text) == words.end();
}

std::string scalar(const Json& json) {
  if (json.is_string() && is_plain(json.text())) return json.text();
  return json.dump();  // JSON's scalars and empty collections are YAML's too
}

void write_yaml(const Json& json, size_t indent, std::string& out);

void write_value(const Json& value, size_t indent, std::string& out) {
  if (value.items().empty() && value.members().empty()) {
    out += fmt::format(" {}\n", scalar(value));
    return;
  }
  out += "\n";
  write_yaml(value, indent, out);
}

void write_yaml(const Json& json, size_t indent, std::string& out) {
  std::string blanks(indent, ' ');
  for (const auto& [key, value] : json.members()) {
    out += fmt::format("{}{}:", blanks, scalar(key));
    write_value(value, indent + 2, out);
  }
  for (const Json& item : json.items()) {
    std::string text;
    write_value(item, indent + 2, text);
    // The first member stands on the line of the dash.
    if (text.starts_with("\n")) text = " " + text.substr(indent + 3);
    out += fmt::format("{}-{}", blanks, text);
  }
}

}  // namespace

std::string yaml_text(const Json& json) {
  std::string out;
  if (json.items().empty() && json.members().empty()) return scalar(json) + "\n";
  write_yaml(json, 0, out);
  return out;
}

}  // namespace vireo
