// SPDX-License-Identifier: Apache-2.0
// ICMP errors: those that cross, and those that the NAT makes.
#include "vnf/nat/nat_testing.h"

namespace vireo::vnf::nat_testing {

// An error from `router` about a packet.
Build error_about(const Build& about, const char* router, const char* to, uint8_t type) {
  Bytes quoted = about.frame();
  Build error = packet_in(router, to, protocol_icmp);
  error.icmp_type = type;
  error.icmp_id = error.icmp_sequence = 0;
  error.payload = Bytes(quoted.begin() + 14, quoted.end());
  return error;
}

TEST_F(NatTest, errors_about_translated_packets_come_back_translated) {
  for (uint8_t protocol : {protocol_tcp, protocol_udp, protocol_icmp}) {
    start();
    Build build = from_host(protocol);
    Outcome sent = send(build, inside);
    Build about = build;
    about.source = "192.0.2.2";
    about.source_port = sent.headers().tcp().source();
    if (protocol == protocol_icmp) about.icmp_id = sent.headers().icmp().id();
    Build error = error_about(about, "203.0.113.1", "192.0.2.2", Icmp::time_exceeded);
    error.destination_mac = nat_mac[outside];
    Outcome outcome = send(error, outside);
    ASSERT_EQ(outcome.out, inside);
    expect_right_checksums(outcome);
    Headers h = outcome.headers(), quoted;
    EXPECT_EQ(text_of(h.destination()), "10.0.0.5");
    EXPECT_EQ(text_of(h.source()), "203.0.113.1");
    ASSERT_TRUE(parse_quoted(h, quoted));
    EXPECT_EQ(text_of(quoted.source()), "10.0.0.5");
    EXPECT_EQ(ipv4_checksum(quoted.ipv4()), quoted.ipv4().checksum());
    const Bytes original = build.frame();
    const uint32_t ttl_and_sum = 12;  // the quote differs in nothing of the transport
    EXPECT_TRUE(same_bytes(quoted.data + quoted.network_offset + ttl_and_sum,
                           original.data() + 14 + ttl_and_sum, original.size() - 14 - ttl_and_sum));
    EXPECT_EQ(counter(NatCounter::errors_translated), 1u);
    about.source_port++;
    about.icmp_id++;
    error = error_about(about, "203.0.113.1", "192.0.2.2", Icmp::time_exceeded);
    error.destination_mac = nat_mac[outside];
    EXPECT_FALSE(send(error, outside).sent());
  }
}

TEST_F(NatTest, errors_of_inside_hosts_go_out_translated) {
  const uint16_t port = open(from_host());
  Outcome in = send(from_remote(port), outside);
  Build about = from_remote(port);
  about.destination = "10.0.0.5";
  about.destination_port = 40000;
  Outcome outcome = send(error_about(about, "10.0.0.5", "198.51.100.9", Icmp::unreachable), inside);
  ASSERT_EQ(outcome.out, outside);
  expect_right_checksums(outcome);
  Headers h = outcome.headers(), quoted;
  EXPECT_EQ(text_of(h.source()), "192.0.2.2");
  ASSERT_TRUE(parse_quoted(h, quoted));
  EXPECT_EQ(text_of(quoted.destination()), "192.0.2.2");
  EXPECT_EQ(quoted.udp().destination(), port);
}

TEST_F(NatTest, damaged_errors_are_not_made_good) {
  const uint16_t port = open(from_host());
  Build about = from_host();
  about.source = "192.0.2.2";
  about.source_port = port;
  Build error = error_about(about, "203.0.113.1", "192.0.2.2", Icmp::time_exceeded);
  error.destination_mac = nat_mac[outside];
  Bytes frame = error.frame();
  frame.back() ^= 1;
  EXPECT_FALSE(send(frame, outside).sent());
}

TEST_F(NatTest, a_packet_at_its_last_hop_is_answered_from_our_address) {
  for (bool v6 : {false, true}) {
    Build build = v6 ? packet_in("2001:db8:2::5", "2001:db8:7::7") : from_host();
    build.ttl = 1;
    Outcome outcome = send(build, inside);
    ASSERT_EQ(outcome.out, inside);
    expect_right_checksums(outcome);
    Headers h = outcome.headers(), quoted;
    EXPECT_EQ(h.icmp().type(), v6 ? Icmp::time_exceeded6 : Icmp::time_exceeded);
    if (!v6) {
      EXPECT_EQ(text_of(h.source()), "10.0.0.1");
    }
    ASSERT_TRUE(parse_quoted(h, quoted));
    EXPECT_EQ(quoted.udp().source(), 40000);
  }
  EXPECT_EQ(counter(NatCounter::hop_limit), 2u);
  EXPECT_EQ(bench_->vitals().flows, 0u);
}

TEST_F(NatTest, a_packet_larger_than_the_link_is_answered_with_its_mtu) {
  for (bool v6 : {false, true}) {
    Build build = v6 ? packet_in("2001:db8:2::5", "2001:db8:7::7") : from_host();
    if (!v6) build.fragment = Ipv4::dont_fragment;
    build.payload = Bytes(1473 - (v6 ? 20 : 0));
    Outcome outcome = send(build, inside);
    ASSERT_EQ(outcome.out, inside);
    expect_right_checksums(outcome);
    EXPECT_EQ(outcome.headers().icmp().type(), v6 ? Icmp::too_big6 : Icmp::unreachable);
    EXPECT_EQ(outcome.headers().icmp().rest(), 1500u);
    build.payload.pop_back();
    EXPECT_EQ(send(build, inside).out, outside);
  }
}

TEST_F(NatTest, own_errors_are_limited) {
  NatConfig config = config_of();
  config.refusals = 2;
  start(config);
  Build build = from_host();
  build.ttl = 1;
  EXPECT_TRUE(send(build, inside).sent());
  EXPECT_TRUE(send(build, inside).sent());
  EXPECT_FALSE(send(build, inside).sent());
  EXPECT_EQ(counter(NatCounter::refusals_limited), 1u);
}

}  // namespace vireo::vnf::nat_testing
