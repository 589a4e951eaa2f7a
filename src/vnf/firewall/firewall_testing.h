// SPDX-License-Identifier: Apache-2.0
// What the tests of the firewall share: configurations, packets, a bench with two ports.
#pragma once
#include <gtest/gtest.h>

#include "vnf/checksum_testing.h"
#include "vnf/firewall/firewall.h"
#include "vnf/testing.h"

namespace vireo::vnf::firewall_testing {

using testing::Build;
using testing::Bytes;
using testing::expect_right_checksums;
using testing::Frame;
using testing::Outcome;

inline constexpr uint8_t wan = 0, lan = 1;

inline std::unique_ptr<FirewallConfig> config_of(std::vector<FirewallRule> rules,
                                                 Verdict fallback = Verdict::drop) {
  auto config = std::make_unique<FirewallConfig>();
  config->fallback = fallback;
  config->stateful = config->pick_up = 1;
  config->other = Verdict::drop;
  config->table_size = 64;
  config->tcp_established = 7440'000;
  config->tcp_opening = 120'000;
  config->tcp_closing = 60'000;
  config->udp = 180'000;
  config->udp_opening = config->icmp = 30'000;
  config->refusals = 10;
  config->rule_count = static_cast<uint32_t>(rules.size());
  for (size_t i = 0; i < rules.size(); i++) config->rules[i] = rules[i];
  return config;
}

inline FirewallRule rule(Verdict action, RuleProtocol protocol = RuleProtocol::any,
                         uint16_t port = 0) {
  FirewallRule rule{};
  rule.action = action;
  rule.protocol = protocol;
  rule.port = port;
  return rule;
}
inline FirewallRule from(Side side, FirewallRule rule) {
  rule.from = side;
  return rule;
}

inline Build tcp(uint16_t port, uint8_t flags = Tcp::syn) {
  Build build;
  build.protocol = protocol_tcp;
  build.destination_port = port;
  build.tcp_flags = flags;
  build.payload = {};
  return build;
}
inline Build udp(uint16_t port) {
  Build build;
  build.destination_port = port;
  return build;
}
inline Build ping() {
  Build build;
  build.protocol = protocol_icmp;
  return build;
}
inline Build as6(Build build) {
  build.source = "2001:db8::1";
  build.destination = "2001:db8::2";
  if (build.protocol == protocol_icmp) {
    build.protocol = protocol_icmp6;
    build.icmp_type =
        build.icmp_type == Icmp::echo_request ? Icmp::echo_request6 : Icmp::echo_reply6;
  }
  return build;
}
inline Build answer(Build build, uint8_t flags = Tcp::syn | Tcp::ack) {
  std::swap(build.source, build.destination);
  std::swap(build.source_mac, build.destination_mac);
  std::swap(build.source_port, build.destination_port);
  build.tcp_flags = flags;
  if (build.icmp_type == Icmp::echo_request) build.icmp_type = Icmp::echo_reply;
  if (build.icmp_type == Icmp::echo_request6) build.icmp_type = Icmp::echo_reply6;
  return build;
}

class FirewallTest : public ::testing::Test {
 protected:
  using Bench = testing::FunctionBench<Firewall>;
  void start(const FirewallConfig& config) {
    bench_ = std::make_unique<Bench>(testing::identity_of({{}, {}}));
    ASSERT_TRUE(bench_->configure(config)) << testing::last_failure();
  }
  Outcome send(const Build& build, uint8_t in) {
    return bench_->process_one(testing::frame_of(build), in);
  }
  Outcome send(const Bytes& bytes, uint8_t in) {
    return bench_->process_one(Frame(bytes, true), in);
  }
  bool passes(const Build& build, uint8_t in) {
    Bytes before = build.frame();
    Outcome outcome = send(build, in);
    if (outcome.out == (in ^ 1)) {
      EXPECT_EQ(outcome.bytes, before) << "changed on its way";
    }
    return outcome.out == (in ^ 1);
  }
  uint64_t counter(FirewallCounter name) {
    return bench_->vitals().counters[static_cast<uint32_t>(name)];
  }
  uint64_t rule_counter(uint32_t number) {
    return bench_->vitals().counters[static_cast<uint32_t>(FirewallCounter::count) + number];
  }
  void advance(uint64_t ms) {
    bench_->now_ns += ms * 1'000'000;
    bench_->function().tick(bench_->now_ns);
  }
  std::unique_ptr<Bench> bench_;
};

}  // namespace vireo::vnf::firewall_testing
