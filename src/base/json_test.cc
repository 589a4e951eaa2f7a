// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(Json, parses_and_writes_back_in_order) {
  const char* text = R"({"b":1,"a":[true,null,-2.5,"x\n"],"c":{}})";
  Json value = *parse_json(text);
  EXPECT_EQ(value.dump(), text);
  EXPECT_EQ(value["b"].integer(), 1);
  EXPECT_EQ(value["a"].items()[2].number(), -2.5);
  EXPECT_TRUE(value["missing"]["deeper"].is_null());
}

TEST(Json, keeps_large_whole_numbers) {
  EXPECT_EQ(parse_json("9007199254740993")->dump(), "9007199254740993");
}

TEST(Json, refuses_what_is_not_json) {
  for (const char* bad : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "nul", "1 2", "\"\xff\""})
    EXPECT_FALSE(parse_json(bad)) << bad;
  EXPECT_FALSE(parse_json(std::string(200, '[') + std::string(200, ']')));
}

TEST(Json, indents_for_people) {
  Json value;
  value.set("a", json_of({"x", "y"}));
  EXPECT_EQ(value.dump(2), "{\n  \"a\": [\n    \"x\",\n    \"y\"\n  ]\n}");
}

TEST(Json, replaces_bytes_that_are_no_text) {
  EXPECT_TRUE(parse_json(Json(std::string("a\xff")).dump()));
}

}  // namespace
}  // namespace vireo
