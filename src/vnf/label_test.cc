// SPDX-License-Identifier: Apache-2.0
// The labels that the build writes are read by the model as they are meant, and their defaults can
// be encoded into the structs that the functions have.
#include <gtest/gtest.h>

#include <cstring>

#include "host/files.h"
#include "model/function_type.h"
#include "vnf/posix/traffic_source.h"
#include "vnf/responder.h"

namespace vireo::vnf {
namespace {

FunctionType label(const std::string& name) {
  auto text = read_file(VIREO_FUNCTIONS "/" + name + ".json");
  EXPECT_TRUE(text) << text.error().message;
  auto type = function_type_from_json(*text);
  EXPECT_TRUE(type) << type.error().message;
  return type ? *type : FunctionType{};
}

TEST(Label, every_function_has_a_program_and_a_label_that_the_model_reads) {
  auto names = list_directory(VIREO_FUNCTIONS);
  ASSERT_TRUE(names);
  int labels = 0;
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    labels++;
    const std::string plain = name.substr(0, name.size() - 5);
    EXPECT_TRUE(exists(VIREO_FUNCTIONS "/" + plain)) << plain;
    const FunctionType type = label(plain);
    EXPECT_EQ(type.name, plain);
    EXPECT_EQ(type.abi, vnf_abi_version);
  }
  EXPECT_GE(labels, 4);
}

TEST(Label, of_the_responder_says_what_its_table_says) {
  const FunctionType type = label("responder");
  EXPECT_EQ(type.role, FunctionRole::endpoint);
  EXPECT_EQ(type.ports, PortStyle::packet);
  EXPECT_EQ(type.most_ports, max_ports);
  ASSERT_EQ(type.config.size(), 2u);
  EXPECT_EQ(type.config[0].choices, (std::vector<std::string>{"reset", "accept"}));
  EXPECT_EQ(type.counters.size(), Responder::table.counter_count);
}

TEST(Label, a_checked_configuration_arrives_in_the_struct) {
  const FunctionType type = label("traffic-source");
  const EncodedConfig encoded =
      encode_config(type, R"({"server": "10.9.0.2", "congestion": "cubic"})");
  ASSERT_TRUE(encoded.errors.empty()) << encoded.errors[0].message;
  TrafficSource::Config config;
  ASSERT_EQ(encoded.bytes.size(), sizeof config);
  std::memcpy(&config, encoded.bytes.data(), sizeof config);
  EXPECT_EQ(config.server.family, 4);
  EXPECT_EQ(config.server.bytes[3], 2);
  EXPECT_EQ(config.port, 5001);
  EXPECT_EQ(config.congestion, 2);
  EXPECT_EQ(config.duration_ms, 10000u);
  EXPECT_EQ(encode_config(type, "{}").errors.size(), 1u);
}

}  // namespace
}  // namespace vireo::vnf
