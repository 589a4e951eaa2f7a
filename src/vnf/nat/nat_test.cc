// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <set>

#include "vnf/nat/nat_testing.h"

namespace vireo::vnf::nat_testing {

TEST_F(NatTest, translates_out_and_back) {
  for (uint8_t protocol : {protocol_tcp, protocol_udp, protocol_icmp}) {
    start();
    Build build = from_host(protocol);
    build.icmp_id = 4000;
    const uint16_t port = open(build);
    EXPECT_NE(port, 0);
    Outcome back = send(from_remote(port, protocol), outside);
    ASSERT_EQ(back.out, inside);
    expect_right_checksums(back);
    Headers h = back.headers();
    EXPECT_EQ(text_of(h.destination()), "10.0.0.5");
    EXPECT_EQ(protocol == protocol_icmp ? h.icmp().id() : h.tcp().destination(),
              protocol == protocol_icmp ? 4000 : 40000);
    EXPECT_EQ(h.ipv4().ttl(), 63);
    EXPECT_EQ(back.bytes[5], 5) << "to the host's MAC";
    EXPECT_EQ(back.bytes[11], 1) << "from the NAT's inside MAC";
    EXPECT_EQ(counter(NatCounter::translated_out), 1u);
    EXPECT_EQ(counter(NatCounter::translated_in), 1u);
    EXPECT_EQ(bench_->vitals().flows, 1u);
  }
}

TEST_F(NatTest, mapping_does_not_depend_on_the_remote_end) {
  Build other = from_host();
  other.destination = "203.0.113.7";
  other.destination_port = 53;
  EXPECT_EQ(open(from_host()), open(other));
  EXPECT_EQ(bench_->vitals().flows, 1u);
}

TEST_F(NatTest, two_hosts_with_one_port_get_different_ports) {
  Build other = from_host();
  other.source = "10.0.0.6";
  const uint16_t first = open(from_host()), second = open(other);
  EXPECT_EQ(first, 40000) << "kept where it is free";
  EXPECT_NE(first, second);
  Outcome back = send(from_remote(second), outside);
  EXPECT_EQ(text_of(back.headers().destination()), "10.0.0.6");
  EXPECT_EQ(back.headers().udp().destination(), 40000);
}

TEST_F(NatTest, unsolicited_packets_are_dropped_and_counted) {
  for (uint8_t protocol : {protocol_tcp, protocol_udp, protocol_icmp})
    EXPECT_FALSE(send(from_remote(40000, protocol), outside).sent());
  EXPECT_EQ(counter(NatCounter::no_mapping), 3u);
  Build around = from_remote(1);
  around.destination = "10.0.0.5";
  EXPECT_FALSE(send(around, outside).sent()) << "private addresses are not reachable";
}

TEST_F(NatTest, partial_checksums_stay_partial_and_right) {
  for (uint8_t protocol : {protocol_tcp, protocol_udp}) {
    Build build = from_host(protocol);
    build.partial = true;
    Outcome outcome = send(build, inside);
    ASSERT_EQ(outcome.out, outside);
    EXPECT_EQ(outcome.vnet.flags, vnet_needs_csum);
    Headers h = outcome.headers();
    EXPECT_EQ(load16(h.data + h.transport_offset + outcome.vnet.csum_offset), fold(pseudo_sum(h)));
    Build back = from_remote(h.tcp().source(), protocol);
    back.partial = true;
    outcome = send(back, outside);
    h = outcome.headers();
    EXPECT_EQ(load16(h.data + h.transport_offset + outcome.vnet.csum_offset), fold(pseudo_sum(h)));
  }
}

TEST_F(NatTest, a_udp_checksum_of_zero_stays_zero) {
  Bytes frame = from_host().frame();
  store16(frame.data() + 40, 0);
  Outcome outcome = send(frame, inside);
  ASSERT_EQ(outcome.out, outside);
  EXPECT_EQ(outcome.headers().udp().checksum(), 0);
}

TEST_F(NatTest, a_large_segment_stays_one_packet) {
  Build build = from_host(protocol_tcp);
  build.tcp_flags = Tcp::ack;
  build.payload = Bytes(60000, 3);
  build.partial = true;
  Frame frame = testing::frame_of(build);
  frame.vnet.gso_type = vnet_gso_tcp4;
  frame.vnet.gso_size = 1460;
  Outcome outcome = bench_->process_one(std::move(frame), inside);
  EXPECT_EQ(outcome.out, outside);
  EXPECT_EQ(outcome.bytes.size(), build.frame().size());
  EXPECT_EQ(outcome.vnet.gso_size, 1460);
  frame = testing::frame_of(build);
  frame.vnet.gso_type = vnet_gso_tcp4;
  frame.vnet.gso_size = 1461;  // each segment is a byte too long
  outcome = bench_->process_one(std::move(frame), inside);
  EXPECT_EQ(outcome.out, inside);
  EXPECT_EQ(outcome.headers().icmp().code(), Icmp::code_needs_fragment);
}

TEST_F(NatTest, idle_mappings_end_by_protocol_and_phase) {
  const uint16_t udp = open(from_host());
  advance(300'000);
  EXPECT_TRUE(comes_back(udp));
  advance(300'001);
  EXPECT_FALSE(comes_back(udp));
  EXPECT_EQ(bench_->vitals().flows, 0u);

  Build tcp = from_host(protocol_tcp);
  const uint16_t opening = open(tcp);
  advance(240'001);
  EXPECT_FALSE(comes_back(opening, protocol_tcp));
  const uint16_t port = open(tcp);
  EXPECT_TRUE(comes_back(port, protocol_tcp));
  tcp.tcp_flags = Tcp::ack;
  EXPECT_EQ(open(tcp), port);
  advance(7'440'000);
  EXPECT_TRUE(comes_back(port, protocol_tcp));
  tcp.tcp_flags = Tcp::fin | Tcp::ack;
  EXPECT_EQ(open(tcp), port);
  Build fin = from_remote(port, protocol_tcp);
  fin.tcp_flags = Tcp::fin | Tcp::ack;
  EXPECT_TRUE(send(fin, outside).sent());
  advance(240'001);
  EXPECT_FALSE(comes_back(port, protocol_tcp));
}

TEST_F(NatTest, limits_refuse_new_mappings_and_keep_old_ones) {
  NatConfig config = config_of();
  config.table_size = 20;
  config.per_source = 15;
  start(config);
  auto host = [&](const char* address, int port) {
    Build build = from_host();
    build.source = address;
    build.source_port = static_cast<uint16_t>(port);
    return build;
  };
  for (int i = 0; i < 15; i++) open(host("10.0.0.5", 2000 + i));
  Outcome refused = send(host("10.0.0.5", 2015), inside);
  EXPECT_FALSE(refused.sent());
  EXPECT_EQ(refused.drop, drop_table_full);
  EXPECT_EQ(counter(NatCounter::source_limit), 1u);
  for (int i = 0; i < 5; i++) open(host("10.0.0.6", 3000 + i));
  EXPECT_FALSE(send(host("10.0.0.6", 3005), inside).sent());
  EXPECT_EQ(counter(NatCounter::table_full), 1u);
  EXPECT_TRUE(comes_back(2000));
  advance(300'001);
  open(host("10.0.0.5", 2015));
  EXPECT_EQ(bench_->vitals().flows, 1u);
}

TEST_F(NatTest, ports_come_from_the_range_until_it_is_used_up) {
  NatConfig config = config_of();
  config.first_port = 5000;
  config.last_port = 5009;
  start(config);
  std::set<uint16_t> seen;
  for (uint16_t i = 0; i < 10; i++) {
    Build build = from_host();
    build.source_port = static_cast<uint16_t>(2000 + i);
    seen.insert(open(build));
  }
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(*seen.begin(), 5000);
  EXPECT_EQ(*seen.rbegin(), 5009);
  EXPECT_FALSE(send(from_host(), inside).sent());
  EXPECT_EQ(counter(NatCounter::no_port), 1u);
  config.last_port = 4999;
  EXPECT_FALSE(Bench(identity()).configure(config));
  EXPECT_EQ(testing::last_failure(), "`first_port` is above `last_port`");
}

TEST_F(NatTest, inside_hosts_meet_by_outside_addresses) {
  const uint16_t target = open(from_host());
  Build build = packet_in("10.0.0.6", "192.0.2.2");
  build.destination_port = target;
  Outcome outcome = send(build, inside);
  ASSERT_EQ(outcome.out, inside);
  expect_right_checksums(outcome);
  EXPECT_EQ(text_of(outcome.headers().source()), "192.0.2.2");
  EXPECT_EQ(text_of(outcome.headers().destination()), "10.0.0.5");
  EXPECT_EQ(outcome.headers().udp().destination(), 40000);
  build.destination_port = static_cast<uint16_t>(target + 1);
  EXPECT_FALSE(send(build, inside).sent());
  EXPECT_EQ(bench_->vitals().flows, 2u) << "nobody there: no mapping made";
}

TEST_F(NatTest, fragments_follow_their_first_one) {
  auto fragment = [](Build build, uint16_t place) {
    build.fragment = place;
    Bytes bytes = build.frame();
    const Ipv4 ip{bytes.data() + 14};
    ip.set_id(7);
    ip.set_checksum(ipv4_checksum(ip));
    return bytes;
  };
  EXPECT_FALSE(send(fragment(from_host(), 10), inside).sent());
  EXPECT_EQ(counter(NatCounter::stray_fragments), 1u);
  ASSERT_EQ(send(fragment(from_host(), Ipv4::more_fragments), inside).out, outside);
  Outcome later = send(fragment(from_host(), 10), inside);
  ASSERT_EQ(later.out, outside);
  EXPECT_EQ(text_of(later.headers().source()), "192.0.2.2");
  EXPECT_EQ(ipv4_checksum(later.headers().ipv4()), later.headers().ipv4().checksum());
  ASSERT_EQ(send(fragment(from_remote(40000), Ipv4::more_fragments), outside).out, inside);
  later = send(fragment(from_remote(40000), 10), outside);
  ASSERT_EQ(later.out, inside);
  EXPECT_EQ(text_of(later.headers().destination()), "10.0.0.5");
}

TEST_F(NatTest, state_moves_to_the_next_generation) {
  Build tcp = from_host(protocol_tcp);
  tcp.source_port = 500;  // below the range: gets a random one
  const uint16_t port = open(tcp);
  tcp.tcp_flags = Tcp::ack;
  open(tcp);
  const uint16_t udp = open(from_host());
  advance(200'000);
  testing::StateBytes state;
  bench_->function().export_state(state);
  const size_t neighbours = 4;  // the number of those learned: none
  EXPECT_EQ(state.bytes.size(), neighbours + 2 * 20u);
  auto import = [&](uint32_t version, const Bytes& bytes) {
    start();
    testing::StateReader reader(version, bytes);
    const bool understood = bench_->function().import_state(reader);
    bench_->now_ns = 9'000'000'000'000;  // another clock
    advance(0);
    return understood;
  };
  ASSERT_TRUE(import(2, state.bytes));
  EXPECT_EQ(bench_->vitals().flows, 2u);
  EXPECT_TRUE(send(from_remote(port, protocol_tcp), outside).sent());
  EXPECT_EQ(open(tcp), port);
  EXPECT_TRUE(comes_back(udp));
  ASSERT_TRUE(import(2, state.bytes));
  advance(100'001);  // its age came along
  EXPECT_FALSE(comes_back(udp));
  EXPECT_EQ(open(tcp), port);
  EXPECT_FALSE(import(3, state.bytes));
  Bytes broken = state.bytes;
  broken[neighbours + 6] = 99;
  EXPECT_FALSE(import(2, broken));
  const Bytes first_version(state.bytes.begin() + neighbours, state.bytes.end());
  ASSERT_TRUE(import(1, first_version));
  EXPECT_EQ(open(tcp), port);
  std::mt19937 random(1);
  for (int i = 0; i < 2000; i++) {
    Bytes noise(random() % 100);
    for (auto& byte : noise)
      byte = static_cast<uint8_t>(random() % 3 == 0 ? random() : random() % 7);
    import(1 + i % 2, noise);
    send(from_host(), inside);
  }
}

TEST_F(NatTest, mutated_frames_do_no_harm) {
  std::mt19937 random(20261124);
  Build tcp = from_host(protocol_tcp);
  const uint16_t port = open(tcp);
  Build six = packet_in("2001:db8:2::5", "2001:db8:7::7");
  Build error = from_remote(0, protocol_icmp);
  error.icmp_type = Icmp::time_exceeded;
  Build quoted = from_host(protocol_tcp);
  quoted.source = "192.0.2.2";
  quoted.source_port = port;
  const Bytes quote = quoted.frame();
  error.payload = Bytes(quote.begin() + 14, quote.end());
  const std::pair<Bytes, uint8_t> seeds[] = {
      {tcp.frame(), inside},
      {from_host().frame(), inside},
      {from_host(protocol_icmp).frame(), inside},
      {from_remote(port, protocol_tcp).frame(), outside},
      {error.frame(), outside},
      {six.frame(), inside},
      {testing::arp_request("10.0.0.5", "10.0.0.1"), inside},
      {testing::neighbour_solicitation("2001:db8:2::5", "2001:db8:2::1"), inside}};
  int forwarded = 0;
  for (int i = 0; i < 200'000; i++) {
    auto [frame, in] = seeds[random() % std::size(seeds)];
    for (auto n = random() % 3; n > 0; n--)
      frame[random() % 4 == 0 ? random() % 14 : 14 + random() % (frame.size() - 14)] =
          static_cast<uint8_t>(random());
    if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
    Headers before;
    Frame made(frame, true);
    const bool whole = parse(frame.data(), static_cast<uint32_t>(frame.size()), before);
    const bool right = whole && transport_checksum_valid(made.packet(in), before) &&
                       !(before.transport == Transport::udp && before.udp().checksum() == 0);
    Outcome outcome = bench_->process_one(std::move(made), in);
    if (!outcome.sent() || !outcome.headers().ip() || outcome.headers().fragment) continue;
    if (outcome.headers().network == Network::ipv4) {
      ASSERT_EQ(ipv4_checksum(outcome.headers().ipv4()), outcome.headers().ipv4().checksum());
    }
    if (right && outcome.headers().transport != Transport::none &&
        (before.transport != Transport::udp || outcome.headers().transport != Transport::udp ||
         before.udp().length() == before.transport_bytes()))
      expect_right_checksums(outcome);
    if (outcome.out != in) forwarded++;
    if (HasFailure()) FAIL() << testing::to_hex(frame);
    if (i % 1000 == 0) advance(1000);
  }
  EXPECT_GT(forwarded, 10'000);
}

}  // namespace vireo::vnf::nat_testing
