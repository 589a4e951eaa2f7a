// SPDX-License-Identifier: Apache-2.0
#include "model/function_type.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/json.h"

namespace vireo {
namespace {

ConfigField field(std::string name, FieldType type, uint32_t offset) {
  ConfigField field;
  field.name = std::move(name);
  field.type = type;
  field.offset = offset;
  return field;
}

// One field of every type.
FunctionType every_type() {
  FunctionType type;
  type.name = "sample";
  type.summary = "has everything";
  type.role = FunctionRole::routed;
  type.fewest_ports = 1;
  type.most_ports = 2;
  type.abi = 1;
  type.state_version = 3;
  type.config_size = 256;
  type.config = {field("on", FieldType::boolean, 0),     field("tiny", FieldType::u8, 1),
                 field("port", FieldType::u16, 2),       field("many", FieldType::u32, 4),
                 field("huge", FieldType::u64, 8),       field("wait", FieldType::duration_ms, 16),
                 field("four", FieldType::ipv4, 20),     field("six", FieldType::ipv6, 24),
                 field("any", FieldType::ip, 40),        field("net", FieldType::prefix, 60),
                 field("station", FieldType::mac, 80),   field("label", FieldType::text, 88),
                 field("verdict", FieldType::choice, 96)};
  type.config[2].minimum = 1;
  type.config[2].maximum = 1000;
  type.config[3].fallback = "77";
  type.config[11].size = 8;
  type.config[12].choices = {"accept", "drop", "reject"};
  ConfigField rules = field("rules", FieldType::records, 100);
  rules.size = 8;
  rules.most = 3;
  rules.fields = {field("port", FieldType::u16, 0), field("weight", FieldType::u32, 4)};
  rules.fields[0].required = true;
  rules.fields[1].fallback = "5";
  type.config.push_back(rules);
  type.counters = {"accepted", "dropped", "rules[]"};
  return type;
}

std::string bytes_at(const EncodedConfig& encoded, size_t offset, size_t count) {
  return encoded.bytes.substr(offset, count);
}
std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (int value : values) text.push_back(static_cast<char>(value));
  return text;
}

EncodedConfig encode(std::string_view json) { return encode_config(every_type(), json); }

// The one error of a configuration.
ConfigError error_of(std::string_view json) {
  EncodedConfig encoded = encode(json);
  EXPECT_EQ(encoded.errors.size(), 1u) << json;
  EXPECT_TRUE(encoded.bytes.empty());
  return encoded.errors.empty() ? ConfigError{} : encoded.errors.front();
}

std::string label_error(const std::function<void(FunctionType&)>& change) {
  FunctionType type = every_type();
  change(type);
  Result<FunctionType> read = function_type_from_json(to_json(type));
  EXPECT_FALSE(read);
  return read ? "" : read.error().message;
}

TEST(FunctionType, json_round_trip) {
  const std::string json = to_json(every_type());
  Result<FunctionType> read = function_type_from_json(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), json);
  EXPECT_EQ(read->role, FunctionRole::routed);
  EXPECT_EQ(read->config.back().fields.size(), 2u);
  EXPECT_EQ(read->counters.back(), "rules[]");
}

TEST(FunctionType, label_names_unknown_keys_and_the_nearest) {
  Result<FunctionType> read = function_type_from_json(R"({"name":"x","sumary":"y"})");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::invalid);
  EXPECT_NE(read.error().message.find("`sumary` is not a key here, did you mean `summary`?"),
            std::string::npos)
      << read.error().message;
}

TEST(FunctionType, hostile_labels_are_refused) {
  EXPECT_FALSE(function_type_from_json(""));
  EXPECT_FALSE(function_type_from_json("[]"));
  EXPECT_FALSE(function_type_from_json("{}"));
  EXPECT_FALSE(function_type_from_json(std::string(300u << 10, ' ')));
  const std::pair<std::function<void(FunctionType&)>, std::string_view> cases[] = {
      {[](auto& t) { t.name = "../x"; }, "name: must be a name"},
      {[](auto& t) { t.most_ports = 9; }, "most_ports: must be a whole number from 0 to 8"},
      {[](auto& t) { t.fewest_ports = 2, t.most_ports = 1; }, "is more than `most_ports`"},
      {[](auto& t) { t.config_size = (1u << 20) + 1; }, "config_size"},
      {[](auto& t) { t.config_size = 100; }, "config[13].offset: `rules` ends beyond the 100"},
      {[](auto& t) { t.config[0].offset = 256; }, "config[0].offset: `on` ends beyond"},
      {[](auto& t) { t.config[0].offset = 1; }, "`tiny` overlaps `on`"},
      {[](auto& t) { t.config[1].name = "on"; }, "config[1].name: `on` is there twice"},
      {[](auto& t) { t.config[1].size = 4; }, "config[1].size: is for text"},
      {[](auto& t) { t.config[1].maximum = 256; }, "config[1].maximum: does not fit"},
      {[](auto& t) { t.config[2].minimum = 1001; }, "config[2].minimum: is more than"},
      {[](auto& t) { t.config[0].minimum = 1; }, "config[0].minimum: is for numbers"},
      {[](auto& t) { t.config[3].fallback = "no"; }, "config[3].fallback"},
      {[](auto& t) { t.config[3].fallback = "-1"; }, "config[3].fallback: `-1` is no value"},
      {[](auto& t) { t.config[11].size = 1; }, "config[11].size: of text"},
      {[](auto& t) { t.config[12].choices.clear(); }, "config[12].choices"},
      {[](auto& t) { t.config[13].most = 0x8000000; }, "config[13].most: must be"},
      {[](auto& t) { t.config[13].most = 0; }, "config[13].most: of records"},
      {[](auto& t) { t.config[13].most = 100; }, "config[13].offset"},
      {[](auto& t) { t.config[13].fields.clear(); }, "config[13].fields"},
      {[](auto& t) { t.config[13].fields[1].offset = 5; }, "config[13].fields[1].offset"},
      {[](auto& t) { t.config[13].fields[0].fields = t.config; }, "records within records"},
      {[](auto& t) {
         t.counters = {"rules[]", "a"};
       },
       "counters[0]: a counter for each record"},
      {[](auto& t) { t.counters = {"nothing[]"}; }, "`nothing[]` names no records field"},
      {[](auto& t) {
         t.counters = {"a", "a"};
       },
       "counters[1]: `a` is there twice"},
      {[](auto& t) { t.counters = {"a b"}; }, "counters[0]: `a b` is not a name"},
      {[](auto& t) { t.counters.resize(121, "a"); }, "counters: has more than 120"},
  };
  for (const auto& [change, expected] : cases) {
    const std::string message = label_error(change);
    EXPECT_NE(message.find(expected), std::string::npos) << message << " / " << expected;
  }
  std::string json = to_json(every_type());
  json.replace(json.find("routed"), 6, "rooted");
  EXPECT_NE(function_type_from_json(json).error().message.find("role: `rooted` is none of"),
            std::string::npos);
}

TEST(EncodeConfig, writes_every_type) {
  const EncodedConfig encoded = encode(R"({
    "on": true, "tiny": 255, "port": 1000, "many": 305419896, "huge": 18446744073709551615,
    "wait": "90s", "four": "10.0.0.1", "six": "2001:db8::1", "any": "10.0.0.2",
    "net": "2001:db8::/32", "station": "02:00:00:00:00:05", "label": "abcdefg",
    "verdict": "reject", "rules": [{"port": 80}, {"port": 443, "weight": 9}]})");
  for (const auto& error : encoded.errors) ADD_FAILURE() << error.path << ": " << error.message;
  ASSERT_EQ(encoded.bytes.size(), 256u);
  EXPECT_EQ(bytes_at(encoded, 0, 4), bytes({1, 255, 0xe8, 3}));
  EXPECT_EQ(bytes_at(encoded, 4, 4), bytes({0x78, 0x56, 0x34, 0x12}));
  EXPECT_EQ(bytes_at(encoded, 8, 8), std::string(8, '\xff'));
  EXPECT_EQ(bytes_at(encoded, 16, 8), bytes({0x90, 0x5f, 1, 0, 10, 0, 0, 1}));
  EXPECT_EQ(bytes_at(encoded, 24, 4) + bytes_at(encoded, 39, 1), bytes({0x20, 1, 0xd, 0xb8, 1}));
  EXPECT_EQ(bytes_at(encoded, 40, 9), bytes({4, 0, 0, 0, 10, 0, 0, 2, 0}));
  EXPECT_EQ(bytes_at(encoded, 60, 8), bytes({6, 32, 0, 0, 0x20, 1, 0xd, 0xb8}));
  EXPECT_EQ(bytes_at(encoded, 80, 6), bytes({2, 0, 0, 0, 0, 5}));
  EXPECT_EQ(bytes_at(encoded, 88, 9), std::string("abcdefg\0\2", 9));
  EXPECT_EQ(bytes_at(encoded, 100, 4), bytes({2, 0, 0, 0}));
  EXPECT_EQ(bytes_at(encoded, 108, 8), bytes({80, 0, 0, 0, 5, 0, 0, 0}));
  EXPECT_EQ(bytes_at(encoded, 116, 8), bytes({0xbb, 1, 0, 0, 9, 0, 0, 0}));
}

TEST(EncodeConfig, nothing_given_gives_fallbacks_and_zeros) {
  for (std::string_view json : {"", "{}"}) {
    const EncodedConfig encoded = encode(json);
    ASSERT_TRUE(encoded.errors.empty());
    std::string expected(256, '\0');
    expected[4] = 77;
    EXPECT_EQ(encoded.bytes, expected);
  }
}

TEST(EncodeConfig, an_address_alone_is_its_own_prefix) {
  EXPECT_EQ(bytes_at(encode(R"({"net":"10.0.0.5"})"), 60, 8), bytes({4, 32, 0, 0, 10, 0, 0, 5}));
  EXPECT_EQ(bytes_at(encode(R"({"net":"::1"})"), 60, 4), bytes({6, 128, 0, 0}));
}

TEST(EncodeConfig, durations_are_numbers_of_milliseconds_or_text) {
  EXPECT_EQ(bytes_at(encode(R"({"wait":7})"), 16, 4), bytes({7, 0, 0, 0}));
  EXPECT_EQ(bytes_at(encode(R"({"wait":"7ms"})"), 16, 4), bytes({7, 0, 0, 0}));
  EXPECT_NE(error_of(R"({"wait":"7us"})").fix.find("a time such as"), std::string::npos);
}

TEST(EncodeConfig, each_type_refuses_what_it_cannot_hold) {
  const std::string_view cases[][3] = {
      {R"({"on": 1})", "on", "give true or false"},
      {R"({"tiny": 256})", "tiny", "give a whole number from 0 to 255"},
      {R"({"tiny": -1})", "tiny", "give a whole number from 0 to 255"},
      {R"({"tiny": 1.5})", "tiny", "give a whole number from 0 to 255"},
      {R"({"tiny": "1"})", "tiny", "give a whole number from 0 to 255"},
      {R"({"tiny": null})", "tiny", "give a whole number from 0 to 255"},
      {R"({"port": 0})", "port", "give a whole number from 1 to 1000"},
      {R"({"port": 1001})", "port", "give a whole number from 1 to 1000"},
      {R"({"many": 4294967296})", "many", "give a whole number from 0 to 4294967295"},
      {R"({"huge": 18446744073709551616})", "huge",
       "give a whole number from 0 to 18446744073709551615"},
      {R"({"wait": 4294967296})", "wait", "give a time such as `30s`, from 0 ms to 4294967295 ms"},
      {R"({"wait": "soon"})", "wait", "give a time such as `30s`, from 0 ms to 4294967295 ms"},
      {R"({"four": "::1"})", "four", "give an IPv4 address such as `10.0.0.1`"},
      {R"({"six": "10.0.0.1"})", "six", "give an IPv6 address such as `2001:db8::1`"},
      {R"({"any": "host"})", "any", "give an address such as `10.0.0.1` or `2001:db8::1`"},
      {R"({"net": "10.0.0.0/33"})", "net",
       "give a prefix such as `10.0.0.0/24` or `2001:db8::/64`"},
      {R"({"station": "02:00"})", "station", "give a MAC address such as `02:00:00:00:00:01`"},
      {R"({"label": "abcdefgh"})", "label", "give text of at most 7 bytes"},
      {R"({"label": "a\u0000b"})", "label", "give text of at most 7 bytes"},
      {R"({"label": 1})", "label", "give text of at most 7 bytes"},
      {R"({"verdict": "rejct"})", "verdict", "did you mean `reject`?"},
      {R"({"verdict": 1})", "verdict", "give one of accept, drop, reject"},
      {R"({"rules": {}})", "rules", "give a list of at most 3"},
      {R"({"rules": [1]})", "rules[0]", "write `key: value`"},
      {R"({"rules": [{"port":1},{"port":1},{"port":1},{"port":1}]})", "rules",
       "give a list of at most 3"},
      {R"({"rules": [{"port":1},{}]})", "rules[1].port", "give a whole number from 0 to 65535"},
      {R"({"rules": [{"port":1, "wieght": 2}]})", "rules[0].wieght", "did you mean `weight`?"},
      {R"([])", "", "write `key: value`"},
  };
  for (const auto& [json, path, fix] : cases) {
    const ConfigError error = error_of(json);
    EXPECT_EQ(error.path, path) << json;
    EXPECT_EQ(error.fix, fix) << json;
    EXPECT_FALSE(error.message.empty());
  }
}

TEST(EncodeConfig, reports_all_errors_at_once) {
  const EncodedConfig encoded =
      encode(R"({"verdct": "x", "port": 0, "rules": [{"prt": 80}, {"port": 70000}]})");
  ASSERT_EQ(encoded.errors.size(), 5u);
  EXPECT_EQ(encoded.errors[0].message, "`verdct` is not a key of the configuration of sample");
  EXPECT_EQ(encoded.errors[0].fix, "did you mean `verdict`?");
  EXPECT_EQ(encoded.errors[1].path, "port");
  EXPECT_EQ(encoded.errors[2].path, "rules[0].prt");
  EXPECT_EQ(encoded.errors[2].message, "`prt` is not a key of `rules`");
  EXPECT_EQ(encoded.errors[2].fix, "did you mean `port`?");
  EXPECT_EQ(encoded.errors[3].path, "rules[0].port");
  EXPECT_EQ(encoded.errors[3].message, "`port` is missing");
  EXPECT_EQ(encoded.errors[4].path, "rules[1].port");
  EXPECT_TRUE(encoded.bytes.empty());
}

TEST(EncodeConfig, broken_json_and_floods_of_errors_are_bounded) {
  EXPECT_EQ(encode("{").errors.size(), 1u);
  EXPECT_EQ(encode(R"({"port": 1, "port": 2})").errors.size(), 1u);
  Json many = Json::object();
  for (int i = 0; i < 500; i++) many.set("unknown-" + std::to_string(i), 1);
  EXPECT_EQ(encode(many.dump()).errors.size(), 100u);
  EXPECT_EQ(encode(std::string(5u << 20, ' ')).errors.size(), 1u);
}

}  // namespace
}  // namespace vireo
