// SPDX-License-Identifier: Apache-2.0
// The NAT as a neighbour and as an IPv6 router.
#include "vnf/nat/nat_testing.h"

namespace vireo::vnf::nat_testing {

TEST_F(NatTest, answers_arp_for_its_own_addresses_only) {
  Outcome outcome = send(testing::arp_request("10.0.0.7", "10.0.0.1"), inside);
  ASSERT_EQ(outcome.out, inside);
  const Arp arp = outcome.headers().arp();
  EXPECT_EQ(arp.operation(), Arp::reply);
  EXPECT_EQ(text_of(arp.sender_address()), "10.0.0.1");
  EXPECT_EQ(text_of(arp.target_address()), "10.0.0.7");
  EXPECT_EQ(arp.sender_mac()[5], 1);
  EXPECT_EQ(outcome.bytes[5], 1);
  EXPECT_FALSE(send(testing::arp_request("10.0.0.7", "10.0.0.9"), inside).sent());
  EXPECT_FALSE(send(testing::arp_request("10.0.0.7", "192.0.2.2"), inside).sent());
}

TEST_F(NatTest, answers_neighbour_solicitations) {
  Outcome outcome = send(testing::neighbour_solicitation("2001:db8:2::9", "2001:db8:2::1"), inside);
  ASSERT_EQ(outcome.out, inside);
  expect_right_checksums(outcome);
  Headers h = outcome.headers();
  EXPECT_EQ(h.icmp().type(), Icmp::neighbour_advertisement);
  EXPECT_EQ(h.ipv6().hop_limit(), 255);
  EXPECT_EQ(h.icmp().at[nd_bytes], 2);
  EXPECT_EQ(h.icmp().at[nd_bytes + 7], 1);
  EXPECT_FALSE(
      send(testing::neighbour_solicitation("2001:db8:2::9", "2001:db8:2::2"), inside).sent());
}

TEST_F(NatTest, answers_pings_to_itself) {
  struct Case {
    const char *from, *to;
    uint8_t port;
  };
  for (const Case& c : {Case{"10.0.0.5", "10.0.0.1", inside},
                        {"10.0.0.5", "192.0.2.2", inside},
                        {"198.51.100.9", "192.0.2.2", outside},
                        {"2001:db8:2::5", "2001:db8:2::1", inside}}) {
    const bool v6 = std::string(c.from).find(':') != std::string::npos;
    Build ping = packet_in(c.from, c.to, v6 ? protocol_icmp6 : protocol_icmp);
    ping.destination_mac = nat_mac[c.port];
    ping.icmp_type = v6 ? Icmp::echo_request6 : Icmp::echo_request;
    Outcome outcome = send(ping, c.port);
    ASSERT_EQ(outcome.out, c.port) << c.to;
    expect_right_checksums(outcome);
    EXPECT_EQ(outcome.headers().icmp().type(), v6 ? Icmp::echo_reply6 : Icmp::echo_reply);
    EXPECT_EQ(outcome.bytes[5], 1);
  }
  EXPECT_EQ(counter(NatCounter::answered), 4u);
}

TEST_F(NatTest, refuses_connections_of_inside_hosts_to_itself) {
  Outcome outcome = send(packet_in("10.0.0.5", "10.0.0.1", protocol_tcp), inside);
  ASSERT_EQ(outcome.out, inside);
  expect_right_checksums(outcome);
  EXPECT_EQ(outcome.headers().tcp().flags(), Tcp::rst | Tcp::ack);
  outcome = send(packet_in("10.0.0.5", "10.0.0.1"), inside);
  ASSERT_EQ(outcome.out, inside);
  EXPECT_EQ(outcome.headers().icmp().code(), Icmp::code_port);
}

TEST_F(NatTest, the_next_generation_knows_its_neighbours) {
  start(config_of(), false);
  send(testing::arp_request("192.0.2.1", "192.0.2.2"), outside);
  ASSERT_TRUE(send(from_host(), inside).sent());
  advance(100'000);
  testing::StateBytes state;
  bench_->function().export_state(state);
  auto next = [&](const Bytes& bytes) {
    start(config_of(), false);
    testing::StateReader reader(2, bytes);
    const bool understood = bench_->function().import_state(reader);
    bench_->now_ns = 9'000'000'000'000;  // another clock
    advance(0);
    return understood;
  };
  ASSERT_TRUE(next(state.bytes));
  const Outcome outcome = send(from_host(), inside);
  EXPECT_TRUE(outcome.sent());
  EXPECT_EQ(counter(NatCounter::unresolved), 0u);
  advance(100'000);  // its age came along
  EXPECT_FALSE(send(from_host(), inside).sent());
  Bytes many = state.bytes;
  many[1] = 0xff;
  EXPECT_FALSE(next(many));
  Bytes group = state.bytes;
  group[4 + 22] = 1;  // first byte of the MAC
  EXPECT_FALSE(next(group));
}

TEST_F(NatTest, asks_for_an_unknown_next_hop_and_learns_it) {
  start(config_of(), false);
  EXPECT_FALSE(send(from_host(), inside).sent());
  EXPECT_EQ(counter(NatCounter::unresolved), 1u);
  ASSERT_EQ(bench_->extras.size(), 1u);
  Outcome question = bench_->extras[0];
  EXPECT_EQ(question.out, outside);
  EXPECT_EQ(question.headers().arp().operation(), Arp::request);
  EXPECT_EQ(text_of(question.headers().arp().target_address()), "192.0.2.1");
  EXPECT_EQ(text_of(question.headers().arp().sender_address()), "192.0.2.2");
  EXPECT_FALSE(send(from_host(), inside).sent());
  EXPECT_TRUE(bench_->extras.empty()) << "asked once a second";
  Bytes reply = testing::arp_request("192.0.2.1", "192.0.2.2");
  const Arp arp{reply.data() + 14};
  arp.set_operation(Arp::reply);
  EXPECT_FALSE(send(reply, outside).sent());
  EXPECT_EQ(send(from_host(), inside).out, outside);
  advance(100'000);
  EXPECT_EQ(send(from_host(), inside).out, outside);
  EXPECT_EQ(bench_->extras.size(), 1u) << "asked again while it is still used";
  advance(100'000);
  EXPECT_FALSE(send(from_host(), inside).sent()) << "not heard of for too long";
}

TEST_F(NatTest, asks_for_ipv6_neighbours) {
  start(config_of(), false);
  Build build = packet_in("2001:db8:2::5", "2001:db8:7::7");
  EXPECT_FALSE(send(build, inside).sent());
  ASSERT_EQ(bench_->extras.size(), 1u);
  Outcome question = bench_->extras[0];
  expect_right_checksums(question);
  EXPECT_EQ(question.headers().icmp().type(), Icmp::neighbour_solicitation);
  Build answer = packet_in("2001:db8:1::1", "2001:db8:1::2", protocol_icmp6);
  answer.destination_mac = nat_mac[outside];
  answer.icmp_type = Icmp::neighbour_advertisement;
  answer.icmp_id = 0x6000;
  answer.icmp_sequence = 0;
  answer.ttl = 255;
  const AbiAddress target = testing::address_of("2001:db8:1::1", 0);
  answer.payload = Bytes(target.bytes, target.bytes + 16);
  const Bytes option = testing::from_hex("02 01 02 00 00 00 09 09");
  answer.payload.insert(answer.payload.end(), option.begin(), option.end());
  EXPECT_FALSE(send(answer, outside).sent());
  Outcome outcome = send(build, inside);
  ASSERT_EQ(outcome.out, outside);
  EXPECT_EQ(outcome.bytes[5], 9);
}

TEST_F(NatTest, routes_ipv6_untranslated_both_ways) {
  Outcome outcome = send(packet_in("2001:db8:2::5", "2001:db8:7::7", protocol_tcp), inside);
  ASSERT_EQ(outcome.out, outside);
  expect_right_checksums(outcome);
  EXPECT_EQ(outcome.headers().ipv6().hop_limit(), 63);
  EXPECT_EQ(outcome.headers().source()[15], 5);
  Build back = packet_in("2001:db8:7::7", "2001:db8:2::5", protocol_tcp);
  back.destination_mac = nat_mac[outside];
  EXPECT_EQ(send(back, outside).out, inside);
  back.destination = "fe80::5";
  EXPECT_FALSE(send(back, outside).sent());
}

TEST_F(NatTest, frames_for_others_are_left_alone) {
  Build build = from_host();
  build.destination_mac = "02:00:00:00:77:77";
  EXPECT_FALSE(send(build, inside).sent());
  build.destination_mac = "ff:ff:ff:ff:ff:ff";
  EXPECT_FALSE(send(build, inside).sent());
  EXPECT_EQ(counter(NatCounter::not_for_us), 2u);
  Bytes bad = from_host().frame();
  bad[24] ^= 1;
  EXPECT_FALSE(send(bad, inside).sent());
  Build ours = from_host();
  ours.source = "10.0.0.1";
  EXPECT_FALSE(send(ours, inside).sent());
  EXPECT_EQ(counter(NatCounter::malformed), 2u);
  EXPECT_FALSE(send(packet_in("10.0.0.5", "198.51.100.9", 47), inside).sent());
  EXPECT_EQ(counter(NatCounter::unsupported), 1u);
}

}  // namespace vireo::vnf::nat_testing
