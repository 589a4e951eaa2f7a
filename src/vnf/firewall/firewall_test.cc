// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "vnf/firewall/firewall_testing.h"

namespace vireo::vnf::firewall_testing {

TEST_F(FirewallTest, default_verdict_decides_when_no_rule_fits) {
  start(*config_of({}, Verdict::drop));
  EXPECT_FALSE(passes(tcp(80), wan));
  EXPECT_EQ(counter(FirewallCounter::by_default), 1u);
  EXPECT_EQ(counter(FirewallCounter::dropped), 1u);
  start(*config_of({}, Verdict::accept));
  EXPECT_TRUE(passes(tcp(80), wan));
  EXPECT_TRUE(passes(as6(tcp(80)), wan));
  start(*config_of({}, Verdict::reject));
  EXPECT_EQ(send(tcp(80), wan).out, wan);
}

TEST_F(FirewallTest, first_fitting_rule_decides_and_is_counted) {
  start(*config_of({rule(Verdict::accept, RuleProtocol::tcp, 80),
                    rule(Verdict::drop, RuleProtocol::tcp), rule(Verdict::accept)}));
  EXPECT_TRUE(passes(tcp(80), wan));
  EXPECT_FALSE(passes(tcp(81), wan));
  EXPECT_FALSE(passes(tcp(82), wan));
  EXPECT_TRUE(passes(udp(82), wan));
  EXPECT_EQ(rule_counter(0), 1u);
  EXPECT_EQ(rule_counter(1), 2u);
  EXPECT_EQ(rule_counter(2), 1u);
  EXPECT_EQ(bench_->vitals().counter_count, static_cast<uint32_t>(FirewallCounter::count) + 3);
}

TEST_F(FirewallTest, every_condition_of_a_rule_counts) {
  FirewallRule all = from(Side::second, rule(Verdict::accept, RuleProtocol::udp, 1000));
  all.port_to = 1010;
  all.source_port = 40000;
  all.source = testing::address_of("10.0.0.77", 24);  // host bits mean nothing
  all.destination = testing::address_of("10.0.0.2", 32);
  start(*config_of({all}));
  EXPECT_TRUE(passes(udp(1000), lan));
  EXPECT_TRUE(passes(udp(1010), lan));
  EXPECT_FALSE(passes(udp(999), lan));
  EXPECT_FALSE(passes(udp(1011), lan));
  EXPECT_FALSE(passes(udp(1005), wan));
  EXPECT_FALSE(passes(tcp(1005), lan));
  Build build = udp(1005);
  build.source_port = 40001;
  EXPECT_FALSE(passes(build, lan));
  build = udp(1005);
  build.source = "10.0.1.1";
  EXPECT_FALSE(passes(build, lan));
  build = udp(1005);
  build.destination = "10.0.0.3";
  EXPECT_FALSE(passes(build, lan));
  EXPECT_FALSE(passes(as6(udp(1005)), lan));
}

TEST_F(FirewallTest, ipv6_prefixes_and_icmp) {
  FirewallRule six = rule(Verdict::accept, RuleProtocol::icmp);
  six.source = testing::address_of("2001:db8::", 33);
  start(*config_of({six}));
  EXPECT_TRUE(passes(as6(ping()), wan));
  EXPECT_FALSE(passes(ping(), wan));
  Build other = as6(ping());
  other.source = "2001:db8:8000::1";
  EXPECT_FALSE(passes(other, wan));
}

TEST_F(FirewallTest, rejected_tcp_gets_a_reset) {
  for (bool v6 : {false, true}) {
    start(*config_of({rule(Verdict::reject, RuleProtocol::tcp)}));
    Build build = v6 ? as6(tcp(23)) : tcp(23);
    build.payload = Bytes(5, 1);
    Outcome outcome = send(build, lan);
    ASSERT_EQ(outcome.out, lan);
    expect_right_checksums(outcome);
    Headers h = outcome.headers();
    EXPECT_EQ(h.tcp().flags(), Tcp::rst | Tcp::ack);
    EXPECT_EQ(h.tcp().acknowledged(), 1006u);
    EXPECT_EQ(h.tcp().source(), 23);
    EXPECT_EQ(h.tcp().destination(), 40000);
    EXPECT_EQ(outcome.bytes[5], 1);  // the sender's MAC
    build.tcp_flags = Tcp::ack;
    build.acknowledged = 77;
    build.partial = true;
    outcome = send(build, lan);
    expect_right_checksums(outcome);
    EXPECT_EQ(outcome.vnet.flags, 0);
    EXPECT_EQ(outcome.headers().tcp().flags(), Tcp::rst);
    EXPECT_EQ(outcome.headers().tcp().sequence(), 77u);
    EXPECT_EQ(counter(FirewallCounter::rejected), 2u);
    EXPECT_EQ(rule_counter(0), 2u);
    build.tcp_flags = Tcp::rst;
    EXPECT_FALSE(send(build, lan).sent());
  }
}

TEST_F(FirewallTest, other_rejected_packets_get_an_icmp_error) {
  for (bool v6 : {false, true}) {
    start(*config_of({}, Verdict::reject));
    for (size_t size : {0u, 16u, 1400u}) {
      Build build = v6 ? as6(udp(53)) : udp(53);
      build.payload = Bytes(size, 0x11);
      build.partial = size == 16;
      const Bytes before = Build(v6 ? as6(udp(53)) : udp(53)).frame();
      Outcome outcome = send(build, lan);
      ASSERT_EQ(outcome.out, lan);
      expect_right_checksums(outcome);
      Headers h = outcome.headers(), quoted;
      EXPECT_EQ(h.icmp().type(), v6 ? Icmp::unreachable6 : Icmp::unreachable);
      EXPECT_EQ(h.icmp().code(), v6 ? Icmp::code_port6 : Icmp::code_port);
      ASSERT_TRUE(parse_quoted(h, quoted));
      EXPECT_EQ(quoted.udp().destination(), 53);
      EXPECT_LE(h.end - h.network_offset, v6 ? 1280u : 576u);
      if (size == 16) {
        EXPECT_TRUE(transport_checksum(quoted) == quoted.udp().checksum());
      }
    }
    Outcome prohibited = send(v6 ? as6(ping()) : ping(), lan);
    expect_right_checksums(prohibited);
    EXPECT_EQ(prohibited.headers().icmp().code(),
              v6 ? Icmp::code_prohibited6 : Icmp::code_prohibited);
  }
}

TEST_F(FirewallTest, refusals_are_limited_and_never_answer_errors) {
  start(*config_of({}, Verdict::reject));
  for (int i = 0; i < 10; i++) EXPECT_TRUE(send(udp(53), lan).sent());
  EXPECT_FALSE(send(udp(53), lan).sent());
  EXPECT_EQ(counter(FirewallCounter::refusals_limited), 1u);
  advance(1000);
  EXPECT_TRUE(send(udp(53), lan).sent());
  Build error = ping();
  error.icmp_type = Icmp::unreachable;
  EXPECT_FALSE(send(error, lan).sent());
  Build multicast = udp(53);
  multicast.destination = "224.0.0.1";
  EXPECT_FALSE(send(multicast, lan).sent());
}

TEST_F(FirewallTest, address_resolution_always_passes_if_it_is_sane) {
  start(*config_of({}, Verdict::drop));
  EXPECT_EQ(send(testing::arp_request("10.0.0.1", "10.0.0.2"), wan).out, lan);
  Bytes odd = testing::arp_request("10.0.0.1", "10.0.0.2");
  odd[21] = 9;
  EXPECT_FALSE(send(odd, wan).sent());
  Bytes solicitation = testing::neighbour_solicitation("2001:db8::1", "2001:db8::2");
  EXPECT_EQ(send(solicitation, wan).out, lan);
  solicitation[21] = 64;  // crossed a router
  EXPECT_FALSE(send(solicitation, wan).sent());
  EXPECT_EQ(counter(FirewallCounter::neighbours), 2u);
}

TEST_F(FirewallTest, other_protocols_follow_their_own_verdict) {
  auto config = config_of({}, Verdict::accept);
  Bytes frame = tcp(80).frame();
  frame[12] = 0x88;
  frame[13] = 0xcc;
  start(*config);
  EXPECT_FALSE(send(frame, wan).sent());
  config->other = Verdict::accept;
  start(*config);
  EXPECT_EQ(send(frame, wan).out, lan);
}

TEST_F(FirewallTest, a_large_segment_crosses_untouched) {
  start(*config_of({from(Side::second, rule(Verdict::accept, RuleProtocol::tcp, 80))}));
  Build build = tcp(80, Tcp::ack);
  build.payload = Bytes(60000, 7);
  build.partial = true;
  Frame frame = testing::frame_of(build);
  frame.vnet.gso_type = vnet_gso_tcp4;
  frame.vnet.gso_size = 1460;
  frame.vnet.header_length = 54;
  const VirtioNetHeader before = frame.vnet;
  Outcome outcome = bench_->process_one(std::move(frame), lan);
  EXPECT_EQ(outcome.out, wan);
  EXPECT_EQ(outcome.bytes, build.frame());
  EXPECT_EQ(memcmp(&outcome.vnet, &before, sizeof before), 0);
}

TEST_F(FirewallTest, impossible_rules_are_refused_by_number) {
  auto refused = [&](FirewallRule bad) {
    Bench bench(testing::identity_of({{}, {}}));
    EXPECT_FALSE(bench.configure(*config_of({rule(Verdict::accept), bad})));
    return testing::last_failure();
  };
  EXPECT_EQ(refused(rule(Verdict::accept, RuleProtocol::any, 80)),
            "rules[1]: ports need protocol tcp or udp");
  FirewallRule bad = rule(Verdict::accept, RuleProtocol::tcp, 80);
  bad.port_to = 79;
  EXPECT_EQ(refused(bad), "rules[1]: the last port of a range is below the first");
  bad = rule(Verdict::accept);
  bad.source = testing::address_of("10.0.0.0", 8);
  bad.destination = testing::address_of("2001:db8::", 32);
  EXPECT_EQ(refused(bad), "rules[1]: source and destination are of different families");
}

TEST_F(FirewallTest, rules_beyond_the_counters_share_one) {
  std::vector<FirewallRule> rules(200, rule(Verdict::accept, RuleProtocol::tcp, 1));
  rules.push_back(rule(Verdict::accept));
  start(*config_of(rules));
  EXPECT_TRUE(passes(udp(53), lan));
  EXPECT_EQ(counter(FirewallCounter::later_rules), 1u);
  EXPECT_EQ(bench_->vitals().counter_count, max_counters);
}

// Anything may come in; nothing may be read beyond it (address sanitizer), and what the firewall
// makes itself is right.
TEST_F(FirewallTest, mutated_frames_do_no_harm) {
  std::mt19937 random(20261124);
  std::vector<Bytes> seeds = {tcp(80).frame(),
                              udp(53).frame(),
                              ping().frame(),
                              as6(tcp(80)).frame(),
                              as6(udp(53)).frame(),
                              as6(ping()).frame(),
                              testing::arp_request("10.0.0.1", "10.0.0.2"),
                              testing::neighbour_solicitation("2001:db8::1", "2001:db8::2")};
  auto config = config_of({rule(Verdict::accept, RuleProtocol::udp)}, Verdict::reject);
  config->refusals = 1'000'000;
  start(*config);
  int refusals = 0;
  for (int i = 0; i < 200'000; i++) {
    Bytes frame = seeds[random() % seeds.size()];
    for (uint32_t n = random() % 4; n > 0; n--)
      frame[random() % frame.size()] = static_cast<uint8_t>(random());
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    const uint8_t in = random() % 2;
    Frame made(frame, true);
    made.vnet.flags = random() % 8 == 0 ? vnet_needs_csum : uint8_t{0};
    made.vnet.csum_start = random() % 64;
    Outcome outcome = bench_->process_one(std::move(made), in);
    if (outcome.out == (in ^ 1)) {
      ASSERT_EQ(outcome.bytes, frame);
    }
    if (outcome.out == in) {
      expect_right_checksums(outcome);
      refusals++;
    }
    if (HasFailure()) FAIL() << testing::to_hex(frame);
  }
  EXPECT_GT(refusals, 10'000);
}

}  // namespace vireo::vnf::firewall_testing
