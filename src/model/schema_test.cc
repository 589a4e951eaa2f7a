// SPDX-License-Identifier: Apache-2.0
// The schema and the parser must take and refuse the same documents: every value of documents that
// use the whole language is taken out, or put in other forms, and both are asked.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <regex>
#include <set>

#include "base/json.h"
#include "model/descriptor.h"
#include "model/shape_check.h"

namespace vireo {
namespace {

// As much of JSON Schema as the generator writes; any other keyword is a failure of the test.
class Validator {
 public:
  bool valid(const Json& schema, const Json& value) {
    for (const auto& [keyword, rule] : schema.members())
      if (!holds(keyword, rule, schema, value)) return false;
    return true;
  }

 private:
  using Rule = std::function<bool(const Json& rule, const Json& value)>;

  static bool has_type(const std::string& type, const Json& value) {
    if (type == "integer") return value.is_number() && value.number() == std::floor(value.number());
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "array") return value.is_array();
    if (type == "null") return value.is_null();
    return type == "object" && value.is_object();
  }
  static bool matches(const std::string& pattern, const std::string& text) {
    static std::map<std::string, std::regex> compiled;
    auto at = compiled.try_emplace(pattern, pattern, std::regex::ECMAScript).first;
    return std::regex_search(text, at->second);
  }
  long count_valid(const Json& schemas, const Json& value) {
    return std::count_if(schemas.items().begin(), schemas.items().end(),
                         [&](const Json& one) { return valid(one, value); });
  }
  bool members_hold(const Json& schema, const Json& value) {
    for (const auto& [name, member] : value.members()) {
      const Json& known = schema["properties"][name];
      const Json& more = schema["additionalProperties"];
      if (known.is_object()  ? !valid(known, member)
          : more.is_object() ? !valid(more, member)
                             : more.is_bool())
        return false;
    }
    return true;
  }
  static bool all_there(const Json& names, const Json& value) {
    return std::all_of(names.items().begin(), names.items().end(), [&](const Json& name) {
      return !value.is_object() || value.has(name.text());
    });
  }

  bool holds(const std::string& keyword, const Json& rule, const Json& schema, const Json& value) {
    if (keyword == "$schema" || keyword == "title" || keyword == "description") return true;
    if (keyword == "properties") return true;  // with additionalProperties
    if (keyword == "additionalProperties") return members_hold(schema, value);
    if (keyword == "type") {
      if (rule.is_string()) return has_type(rule.text(), value);
      return std::any_of(rule.items().begin(), rule.items().end(),
                         [&](const Json& one) { return has_type(one.text(), value); });
    }
    if (keyword == "pattern") return !value.is_string() || matches(rule.text(), value.text());
    if (keyword == "enum")
      return std::find(rule.items().begin(), rule.items().end(), value) != rule.items().end();
    if (keyword == "minimum") return !value.is_number() || value.number() >= rule.number();
    if (keyword == "maximum") return !value.is_number() || value.number() <= rule.number();
    if (keyword == "minItems")
      return !value.is_array() || value.items().size() >= static_cast<size_t>(rule.integer());
    if (keyword == "anyOf") return count_valid(rule, value) > 0;
    if (keyword == "oneOf") return count_valid(rule, value) == 1;
    if (keyword == "required") return all_there(rule, value);
    if (keyword == "items")
      return static_cast<size_t>(std::count_if(
                 value.items().begin(), value.items().end(),
                 [&](const Json& item) { return valid(rule, item); })) == value.items().size();
    if (keyword == "propertyNames")
      return std::all_of(value.members().begin(), value.members().end(),
                         [&](const auto& member) { return valid(rule, member.first); });
    if (keyword == "dependentRequired")
      return std::all_of(rule.members().begin(), rule.members().end(), [&](const auto& one) {
        return !value.has(one.first) || all_there(one.second, value);
      });
    ADD_FAILURE() << "the validator does not know " << keyword;
    return false;
  }
};

const char* const documents[] = {R"({
  "vireo": 1, "service": "s", "chain": ["a", "f", "b"],
  "functions": {
    "f": {"image": "vireo/nat", "technology": ["container", "tinyx.kvm"], "command": ["x", 7, true],
          "environment": {"A": "1", "B": 2}, "restart": "on-failure",
          "files": {"/a/b": {"from": "x", "mode": "0644"}, "/c": "text", "/d": {"content": "y"}},
          "resources": {"cpus": 2, "memory": "64MiB", "pids": 10, "poll": "50us"},
          "config": {"any": [1, {"b": null}]},
          "health": {"http": "/h", "port": 80, "interval": "2s", "timeout": "50ms", "retries": 2},
          "ports": ["a", {"link": "b", "address": "10.0.0.1", "mac": "02:00:00:00:00:01",
                          "broadcast": true}]},
    "g": {"image": "i", "technology": "auto", "resources": {"cpus": 1, "memory": 1048576},
          "health": {"exec": ["c"]}, "ports": [{"link": "a", "address": ["fd00::1"]}]}},
  "links": {"a": {"subnet": "10.0.0.0/24", "host": "10.0.0.2", "uplink": "eth1"},
            "b": {"subnet": ["fd00::/64"], "host": ["fd00::2"],
                  "uplink": {"interface": "eth2", "take": true}}, "c": null}})",
                                 R"({"vireo": 1, "service": "s", "functions": {
    "h": {"image": "i", "health": {"tcp": 80, "retries": 1}}}})"};

const std::vector<Json>& other_values() {
  static const std::vector<Json> values{nullptr,
                                        true,
                                        0,
                                        1,
                                        7,
                                        -1,
                                        1.5,
                                        70000,
                                        "",
                                        "x",
                                        "A B",
                                        "a.b",
                                        "-x",
                                        "always",
                                        "/p",
                                        "/a/../b",
                                        "0644",
                                        "999",
                                        "64MiB",
                                        "2s",
                                        "10.0.0.0/24",
                                        "10.0.0.1",
                                        "02:00:00:00:00:01",
                                        "true",
                                        "12",
                                        Json::array(),
                                        Json::array().push("x"),
                                        Json::array().push(Json::array()),
                                        Json::object(),
                                        Json::object().set("x", 1),
                                        Json::object().set("/x", "y"),
                                        Json::object().set("link", "a"),
                                        Json::object().set("from", "a").set("content", "b"),
                                        Json::object().set("tcp", 1),
                                        Json::object().set("tcp", 1).set("port", 1),
                                        Json::object().set("image", "i")};
  return values;
}

// Calls `use` with every document that differs from `value` in one place.
void each_variant(const Json& value, const std::function<void(const Json&)>& use) {
  for (const Json& other : other_values()) use(other);
  if (value.is_array()) {
    for (size_t i = 0; i < value.items().size(); i++)
      each_variant(value.items()[i], [&](const Json& changed) {
        Json::Array items = value.items();
        items[i] = changed;
        use(Json(items));
      });
  }
  if (!value.is_object()) return;
  for (const char* extra : {"unknown", "scale", "sla", "UPPER", "port", "tcp", "from", "image"})
    if (!value.has(extra)) use(Json(value).set(extra, Json::object()));
  for (size_t i = 0; i < value.members().size(); i++) {
    Json::Object without = value.members();
    without.erase(without.begin() + static_cast<ptrdiff_t>(i));
    use(Json(without));
    each_variant(value.members()[i].second, [&](const Json& changed) {
      Json::Object members = value.members();
      members[i].second = changed;
      use(Json(members));
    });
  }
}

bool parser_takes(const Json& document, std::string& reasons) {
  YamlTree tree = parse_yaml(document.dump());
  std::vector<Finding> findings = std::move(tree.findings);
  check_shape(tree.root, service_shape, findings);
  for (const Finding& finding : findings) reasons += finding.message + "\n";
  return findings.empty();
}

TEST(Schema, agrees_with_the_parser) {
  Json schema = *parse_json(*descriptor_schema());
  Validator validator;
  size_t taken = 0, refused = 0, disagreed = 0;
  auto compare = [&](const Json& document) {
    std::string reasons;
    bool takes = parser_takes(document, reasons);
    (takes ? taken : refused)++;
    if (takes == validator.valid(schema, document) || disagreed++ > 5) return;
    ADD_FAILURE() << document.dump() << "\nparser: " << (takes ? "takes it" : reasons);
  };
  for (const char* text : documents) {
    Json document = *parse_json(text);
    std::string reasons;
    EXPECT_TRUE(parser_takes(document, reasons)) << reasons;
    compare(document);
    each_variant(document, compare);
  }
  EXPECT_GT(taken, 300u);
  EXPECT_GT(refused, 1000u);
}

void collect_keys(const Shape& shape, std::set<std::string>& keys) {
  for (const Key& key : shape.keys) {
    if (key.shape == nullptr) continue;
    keys.emplace(key.name);
    collect_keys(*key.shape, keys);
  }
  if (shape.item != nullptr) collect_keys(*shape.item, keys);
  for (const Shape* one : shape.alternatives) collect_keys(*one, keys);
}

TEST(Schema, the_documents_above_use_every_key) {
  std::set<std::string> keys;
  collect_keys(service_shape, keys);
  EXPECT_GT(keys.size(), 25u);
  for (const std::string& key : keys)
    EXPECT_NE((std::string(documents[0]) + documents[1]).find(fmt::format("\"{}\":", key)),
              std::string::npos)
        << key;
}

TEST(Schema, every_section_has_its_own) {
  for (const std::string& name : section_names()) EXPECT_TRUE(descriptor_schema(name)) << name;
  auto none = descriptor_schema("function");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("did you mean `functions`?"), std::string::npos);
}

// Every text that differs from `text` by one character.
std::vector<std::string> near_texts(const std::string& text) {
  std::vector<std::string> near{text, "", text + text};
  for (size_t i = 0; i <= text.size(); i++) {
    for (char c : std::string("aZ09-._/:@ +\t\x7f"))
      near.push_back(std::string(text).insert(i, 1, c));
    if (i < text.size()) near.push_back(std::string(text).erase(i, 1));
  }
  return near;
}

TEST(Schema, patterns_agree_with_the_grammars) {
  for (const TextGrammar* grammar :
       {&name_grammar, &image_grammar, &technology_grammar, &memory_grammar, &duration_grammar,
        &path_grammar, &url_path_grammar, &local_file_grammar, &mode_grammar, &subnet_grammar,
        &address_grammar, &mac_grammar, &interface_grammar, &variable_grammar}) {
    std::regex pattern{std::string(grammar->pattern)};
    // No pattern of a sane length describes IPv6: those are necessary, not sufficient.
    bool exact = grammar != &subnet_grammar && grammar != &address_grammar;
    EXPECT_TRUE(grammar->matches(grammar->example)) << grammar->example;
    for (const std::string& seed :
         {std::string(grammar->example), std::string(63, 'a'), std::string("/a/./b"),
          std::string("1.5GiB"), std::string(15, 'e'), std::string("fd00::/64"), std::string("..")})
      for (const std::string& text : near_texts(seed)) {
        bool fits = std::regex_search(text, pattern);
        bool good = grammar->matches(text);
        EXPECT_TRUE(exact ? fits == good : fits || !good) << grammar->what << ": `" << text << "`";
      }
  }
}

}  // namespace
}  // namespace vireo
