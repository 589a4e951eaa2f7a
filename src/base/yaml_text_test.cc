// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_text.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(Yaml, is_written_in_blocks) {
  auto json = parse_json(R"({"a":1,"b":[{"c":"x y","d":[1,"yes"]},[],"z"],"e":{"f":null,"g":{}}})");
  EXPECT_EQ(yaml_text(*json),
            "a: 1\n"
            "b:\n"
            "  - c: \"x y\"\n"
            "    d:\n"
            "      - 1\n"
            "      - \"yes\"\n"
            "  - []\n"
            "  - z\n"
            "e:\n"
            "  f: null\n"
            "  g: {}\n");
  EXPECT_EQ(yaml_text(Json::array()), "[]\n");
}

}  // namespace
}  // namespace vireo
