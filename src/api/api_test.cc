// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "api/log_file.h"
#include "api/metrics.h"
#include "api/routes.h"
#include "base/text.h"
#include "host/files.h"

namespace vireo {
namespace {

TEST(Routes, find_their_row_and_decode_parameters) {
  RouteMatch match = find_route("GET", "/v1/images/vireo%2Ffirewall:latest");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->id, "get_image");
  EXPECT_EQ(match.params.at("reference"), "vireo/firewall:latest");
}

TEST(Routes, a_fixed_part_wins_over_a_parameter) {
  EXPECT_EQ(find_route("POST", "/v1/services/s/functions/f/exec").route->id, "exec");
  EXPECT_EQ(find_route("POST", "/v1/services/s/functions/f/stop").route->id, "change_function");
}

TEST(Routes, tell_a_wrong_method_from_a_wrong_path) {
  EXPECT_EQ(find_route("PATCH", "/v1/services/s").allowed, "PUT, GET, DELETE");
  EXPECT_EQ(find_route("GET", "/v1/nothing").allowed, "");
  EXPECT_EQ(find_route("GET", "/v1/services/").route, nullptr);
}

TEST(Routes, broken_escapes_are_refused) {
  for (const char* bad : {"%", "%2", "%zz", "a%2"}) EXPECT_FALSE(percent_decode(bad)) << bad;
  EXPECT_EQ(*percent_decode("a%20b"), "a b");
  EXPECT_EQ(parse_query("a=1&b=x%2Fy&c")["b"], "x/y");
}

TEST(Routes, every_pattern_and_id_is_there_once) {
  std::set<std::string> ids, patterns;
  for (const ApiRoute& route : routes()) {
    EXPECT_TRUE(ids.insert(std::string(route.id)).second) << route.id;
    std::string key = std::string(route.method) + " " + std::string(route.pattern);
    EXPECT_TRUE(patterns.insert(key).second) << key;
  }
}

TEST(OpenApi, the_published_document_is_that_of_the_router) {
  Json published = *parse_json(*read_file(VIREO_SOURCE_DIR "/docs/openapi.json"));
  Json served = openapi_document();
  EXPECT_EQ(published.dump(), served.dump())
      << "run `vireod openapi > docs/openapi.json` after a change of the routes";
  size_t operations = 0;
  for (const auto& [path, methods] : published["paths"].members())
    operations += methods.members().size();
  EXPECT_EQ(operations, routes().size());
}

TEST(OpenApi, refers_to_schemas_that_exist) {
  std::string text = openapi_document().dump();
  Json schemas = openapi_document()["components"]["schemas"];
  const std::string prefix = "#/components/schemas/";
  size_t references = 0;
  for (size_t at = 0; (at = text.find(prefix, at)) != std::string::npos; references++) {
    at += prefix.size();
    std::string name = text.substr(at, text.find('"', at) - at);
    EXPECT_TRUE(schemas.has(name)) << name;
  }
  EXPECT_GT(references, 20u);
}

TEST(LogFile, reads_follows_and_survives_rotation) {
  auto directory = *TemporaryDirectory::make("vireo-log");
  std::string path = directory.path() + "/log";
  LogFile file({path + ".1", path});
  EXPECT_TRUE(file.read_all().empty());
  std::ofstream(path) << "2026-11-24T20:16:01.000001Z stdout F one\n"
                         "2026-11-24T20:16:02.000001Z stderr F two words\nhalf";
  auto lines = file.read_more();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].stream, "stderr");
  EXPECT_EQ(lines[1].text, "two words");
  ::rename(path.c_str(), (path + ".1").c_str());
  std::ofstream(path) << "2026-11-24T20:16:03.000001Z stdout F three\n";
  EXPECT_EQ(file.read_more().at(0).text, "three");
  EXPECT_EQ(LogFile({path + ".1", path}).read_all().size(), 3u);
}

TEST(LogFile, tail_and_since_select) {
  std::vector<LogLine> lines{{"2026-11-24T20:16:01Z", "stdout", "a"},
                             {"2026-11-24T20:16:02Z", "stdout", "b"},
                             {"2026-11-24T20:16:03Z", "stdout", "c"}};
  EXPECT_EQ(selected(lines, 1, {}).at(0).text, "c");
  EXPECT_EQ(selected(lines, {}, *parse_timestamp("2026-11-24T20:16:02Z")).size(), 2u);
  EXPECT_EQ(selected(lines, 0, {}).size(), 0u);
}

TEST(Metrics, name_services_and_ports) {
  FunctionStatus function;
  function.service = "s";
  function.function = "fw";
  function.state = "running";
  function.port_counters = {{"default/s/fw.1@1:port0", 7, 700, 0, 3, 300, 1}};
  function.counters = {{"accepted", 5}};
  PoolMetrics pool;
  pool.technology = "container";
  pool.starts["loaded"] = 3;
  std::string text = metrics_text({{"s", "running", {function}, {}, {}}}, {pool});
  EXPECT_NE(text.find("container_network_receive_packets_total{service=\"s\",function=\"fw\","
                      "technology=\"\",image=\"\",interface=\"port0\"} 7"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("counter=\"accepted\"} 5"), std::string::npos) << text;
  EXPECT_NE(text.find("vireo_starts_total{technology=\"container\",tier=\"loaded\"} 3"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace vireo
