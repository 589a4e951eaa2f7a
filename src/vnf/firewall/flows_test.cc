// SPDX-License-Identifier: Apache-2.0
#include "vnf/firewall/firewall_testing.h"

namespace vireo::vnf::firewall_testing {

TEST_F(FirewallTest, only_answers_of_accepted_flows_pass_back) {
  for (Build build : {tcp(80), udp(53), ping(), as6(tcp(80)), as6(udp(53)), as6(ping())}) {
    start(*config_of({from(Side::second, rule(Verdict::accept))}));
    EXPECT_FALSE(passes(answer(build), wan));
    EXPECT_TRUE(passes(build, lan));
    EXPECT_TRUE(passes(answer(build), wan));
    EXPECT_EQ(counter(FirewallCounter::established), 1u);
    Build other = answer(build);
    other.source_port++;
    other.icmp_id++;
    EXPECT_FALSE(passes(other, wan));
    EXPECT_EQ(bench_->vitals().flows, 1u);
  }
}

TEST_F(FirewallTest, stateless_knows_no_answers) {
  auto config = config_of({from(Side::second, rule(Verdict::accept))});
  config->stateful = 0;
  start(*config);
  EXPECT_TRUE(passes(tcp(80), lan));
  EXPECT_FALSE(passes(answer(tcp(80)), wan));
}

TEST_F(FirewallTest, an_echo_request_is_no_answer) {
  start(*config_of({from(Side::second, rule(Verdict::accept))}));
  EXPECT_TRUE(passes(ping(), lan));
  Build request = answer(ping());
  request.icmp_type = Icmp::echo_request;
  EXPECT_FALSE(passes(request, wan));
}

TEST_F(FirewallTest, a_syn_from_outside_is_no_answer) {
  start(*config_of({from(Side::second, rule(Verdict::accept))}));
  EXPECT_TRUE(passes(tcp(80), lan));
  EXPECT_TRUE(passes(answer(tcp(80)), wan));
  EXPECT_FALSE(passes(answer(tcp(80), Tcp::syn), wan));
}

TEST_F(FirewallTest, icmp_errors_about_known_flows_pass) {
  for (bool v6 : {false, true}) {
    start(*config_of({from(Side::second, rule(Verdict::accept))}));
    const Build build = v6 ? as6(udp(53)) : udp(53);
    auto error = [&](const Build& about) {
      Bytes quoted = about.frame();
      Build build_error;
      build_error.source = v6 ? "2001:db8::99" : "10.0.0.99";  // a router on the way
      build_error.destination = about.source;
      build_error.protocol = v6 ? protocol_icmp6 : protocol_icmp;
      build_error.icmp_type = v6 ? Icmp::time_exceeded6 : Icmp::time_exceeded;
      build_error.icmp_id = build_error.icmp_sequence = 0;
      build_error.payload = Bytes(quoted.begin() + 14, quoted.end());
      return build_error;
    };
    EXPECT_FALSE(passes(error(build), wan));
    EXPECT_TRUE(passes(build, lan));
    EXPECT_TRUE(passes(error(build), wan));
    EXPECT_EQ(counter(FirewallCounter::related), 1u);
    Build elsewhere = error(build);
    elsewhere.destination = v6 ? "2001:db8::55" : "10.0.0.55";
    EXPECT_FALSE(passes(elsewhere, wan)) << "to a host that did not send it";
  }
}

TEST_F(FirewallTest, idle_flows_are_forgotten_by_their_phase) {
  start(*config_of({from(Side::second, rule(Verdict::accept))}));
  EXPECT_TRUE(passes(tcp(80), lan));
  advance(120'001);
  EXPECT_EQ(bench_->vitals().flows, 0u);
  EXPECT_FALSE(passes(answer(tcp(80)), wan));

  EXPECT_TRUE(passes(tcp(80), lan));
  EXPECT_TRUE(passes(answer(tcp(80)), wan));
  advance(7'440'000);
  EXPECT_TRUE(passes(answer(tcp(80), Tcp::ack), wan));
  EXPECT_TRUE(passes(tcp(80, Tcp::fin | Tcp::ack), lan));
  EXPECT_TRUE(passes(answer(tcp(80), Tcp::fin | Tcp::ack), wan));
  advance(60'001);
  EXPECT_EQ(bench_->vitals().flows, 0u);
  EXPECT_FALSE(passes(answer(tcp(80), Tcp::ack), wan));
}

TEST_F(FirewallTest, a_reset_ends_a_flow_soon_unless_it_goes_on) {
  start(*config_of({from(Side::second, rule(Verdict::accept))}));
  EXPECT_TRUE(passes(tcp(80), lan));
  EXPECT_TRUE(passes(answer(tcp(80), Tcp::rst), wan));
  EXPECT_TRUE(passes(tcp(80, Tcp::ack), lan));
  advance(60'001);
  EXPECT_EQ(bench_->vitals().flows, 1u);
  EXPECT_TRUE(passes(tcp(80, Tcp::rst), lan));
  advance(60'001);
  EXPECT_EQ(bench_->vitals().flows, 0u);
}

TEST_F(FirewallTest, flows_in_their_middle_are_picked_up_only_if_asked) {
  auto config = config_of({from(Side::second, rule(Verdict::accept))});
  start(*config);
  EXPECT_TRUE(passes(tcp(80, Tcp::ack), lan));
  EXPECT_TRUE(passes(answer(tcp(80), Tcp::ack), wan));
  config->pick_up = 0;
  start(*config);
  EXPECT_FALSE(passes(tcp(80, Tcp::ack), lan));
  EXPECT_EQ(counter(FirewallCounter::invalid), 1u);
}

TEST_F(FirewallTest, a_full_table_gives_up_flows_without_answers_only) {
  auto config = config_of({from(Side::second, rule(Verdict::accept))});
  config->table_size = 16;
  start(*config);
  for (uint16_t i = 0; i < 16; i++) {
    EXPECT_TRUE(passes(tcp(static_cast<uint16_t>(80 + i)), lan));
    if (i != 0) {
      EXPECT_TRUE(passes(answer(tcp(static_cast<uint16_t>(80 + i))), wan));
    }
  }
  EXPECT_TRUE(passes(tcp(500), lan));
  EXPECT_EQ(counter(FirewallCounter::evicted), 1u);
  EXPECT_TRUE(passes(answer(tcp(500)), wan));
  Outcome refused = send(tcp(501), lan);
  EXPECT_EQ(refused.out, to_nowhere);
  EXPECT_EQ(refused.drop, drop_table_full);
  EXPECT_EQ(counter(FirewallCounter::table_full), 1u);
  for (uint16_t i = 1; i < 16; i++)
    EXPECT_TRUE(passes(answer(tcp(static_cast<uint16_t>(80 + i)), Tcp::ack), wan));
}

TEST_F(FirewallTest, later_fragments_follow_the_first) {
  start(*config_of({rule(Verdict::accept, RuleProtocol::udp, 53)}));
  auto fragment = [](uint16_t port, uint16_t place, uint16_t id) {
    Build build = udp(port);
    build.fragment = place;
    Bytes bytes = build.frame();
    const Ipv4 ip{bytes.data() + 14};
    ip.set_id(id);
    ip.set_checksum(ipv4_checksum(ip));
    return bytes;
  };
  EXPECT_FALSE(send(fragment(0, 4, 1), wan).sent());
  EXPECT_EQ(counter(FirewallCounter::stray_fragments), 1u);
  EXPECT_EQ(send(fragment(53, Ipv4::more_fragments, 1), wan).out, lan);
  EXPECT_EQ(send(fragment(0, 4, 1), wan).out, lan);
  EXPECT_FALSE(send(fragment(0, 4, 2), wan).sent());
  EXPECT_FALSE(send(fragment(54, Ipv4::more_fragments, 3), wan).sent());
  EXPECT_FALSE(send(fragment(0, 4, 3), wan).sent());
  advance(30'001);
  EXPECT_FALSE(send(fragment(0, 4, 1), wan).sent());
}

TEST_F(FirewallTest, state_moves_to_the_next_generation) {
  start(*config_of({from(Side::second, rule(Verdict::accept))}));
  EXPECT_TRUE(passes(tcp(80), lan));
  EXPECT_TRUE(passes(answer(tcp(80)), wan));
  EXPECT_TRUE(passes(udp(53), lan));
  advance(20'000);
  testing::StateBytes state;
  bench_->function().export_state(state);
  EXPECT_EQ(state.bytes.size(), 2 * 48u);
  auto stricter = config_of({}, Verdict::drop);
  auto import = [&](uint32_t version, Bytes bytes) {
    start(*stricter);
    testing::StateReader reader(version, std::move(bytes));
    return bench_->function().import_state(reader);
  };
  ASSERT_TRUE(import(1, state.bytes));
  bench_->now_ns = 5'000'000'000'000;  // the clock of another machine
  EXPECT_TRUE(passes(tcp(80, Tcp::ack), lan));
  EXPECT_TRUE(passes(answer(tcp(80), Tcp::ack), wan));
  EXPECT_TRUE(passes(answer(udp(53)), wan));
  ASSERT_TRUE(import(1, state.bytes));
  bench_->now_ns = 5'000'000'000'000;
  bench_->function().tick(bench_->now_ns);
  advance(10'001);  // 20 s of age came along
  EXPECT_FALSE(passes(answer(udp(53)), wan));
  EXPECT_FALSE(import(2, state.bytes));
  Bytes broken = state.bytes;
  broken[36] = 99;  // a protocol that cannot be
  EXPECT_FALSE(import(1, broken));
}

}  // namespace vireo::vnf::firewall_testing
