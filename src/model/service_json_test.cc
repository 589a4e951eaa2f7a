// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/descriptor.h"
#include "model/instance.h"
#include "model/operation.h"

namespace vireo {
namespace {

Result<std::string> read_bytes(const std::string&) { return std::string("\x00\xff binary", 9); }

constexpr const char* text = R"(vireo: 1
service: s
functions:
  f:
    image: i
    technology: [container, tinyx.kvm]
    command: [a, b]
    environment: { A: "1" }
    files: { /bytes: { from: x }, /text: { content: t, mode: "0755" } }
    resources: { cpus: 2.5, memory: 1GiB, pids: 7, poll: 50us }
    config: { a: [1, true, null, 1.5, "x"] }
    health: { exec: [check], interval: 3s, timeout: 2s, retries: 9 }
    restart: never
    ports: [l, { link: l, address: "fd00::5", mac: "02:00:00:00:00:09", broadcast: true }]
  g: { image: j }
links:
  k: { subnet: 10.0.0.0/24, host: 10.0.0.1, uplink: { interface: eth1, take: true } }
  l: { subnet: "fd00::/64", uplink: eth2 }
chain: [k, g, l]
)";

TEST(ServiceJson, round_trips_exactly) {
  ParsedDescriptor parsed = parse_descriptor(text, read_bytes);
  ASSERT_TRUE(parsed.findings.empty()) << parsed.findings[0].message;
  std::string stored = to_json(parsed.service);
  auto back = service_from_json(stored);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), stored);
  const FunctionSpec& was = parsed.service.functions.at(0);
  const FunctionSpec& is = back->functions.at(0);
  EXPECT_EQ(is.files, was.files);
  EXPECT_EQ(is.files.at(0).content.size(), 9u);
  EXPECT_EQ(is.health, was.health);
  EXPECT_EQ(is.ports, was.ports);
  EXPECT_EQ(is.resources, was.resources);
  EXPECT_EQ(is.environment, was.environment);
  EXPECT_EQ(is.restart, RestartPolicy::never);
  EXPECT_EQ(back->links.at(0).uplink, parsed.service.links.at(0).uplink);
  EXPECT_EQ(back->chain, parsed.service.chain);
}

TEST(ServiceJson, corrupt_text_is_an_error) {
  for (const char* bad :
       {"", "{", "[]", "{}", R"({"name":"s","links":[{"name":"l","subnets":["x"]}]})",
        R"({"name":"s","functions":[{"name":"f","restart":9}]})",
        R"({"name":"s","functions":[{"name":"f","files":[{"path":"/a","base64":"*"}]}]})"})
    EXPECT_FALSE(service_from_json(bad)) << bad;
}

TEST(Texts, of_exits_and_operations) {
  EXPECT_EQ(to_string(ExitReason{ExitKind::code, 7}), "exit code 7");
  EXPECT_EQ(to_string(ExitReason{ExitKind::signal, 11}), "signal 11 (SIGSEGV)");
  EXPECT_EQ(to_string(ExitReason{ExitKind::signal, 40}), "signal 40");
  EXPECT_EQ(to_string(OperationState::failed_temp), "FAILED_TEMP");
}

}  // namespace
}  // namespace vireo
