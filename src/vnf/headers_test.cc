// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "vnf/checksum.h"
#include "vnf/testing.h"

namespace vireo::vnf::testing {
namespace {

bool parses(Bytes& frame, Headers& h) {
  return parse(frame.data(), static_cast<uint32_t>(frame.size()), h);
}

TEST(Parse, finds_the_headers_of_tcp_over_ipv4) {
  Build build;
  build.protocol = protocol_tcp;
  Bytes frame = build.frame();
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  EXPECT_EQ(h.network, Network::ipv4);
  EXPECT_EQ(h.transport, Transport::tcp);
  EXPECT_EQ(h.transport_offset, 34u);
  EXPECT_EQ(h.end, frame.size());
  EXPECT_EQ(h.tcp().destination(), 80);
  EXPECT_EQ(h.destination()[3], 2);
}

TEST(Parse, skips_vlan_tags_and_padding) {
  Build build;
  Bytes frame = build.frame();
  const Bytes tags = from_hex("88a8 0001 8100 0002");
  frame.insert(frame.begin() + 12, tags.begin(), tags.end());
  frame.resize(frame.size() + 6);
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  EXPECT_TRUE(h.vlan);
  EXPECT_EQ(h.transport, Transport::udp);
  EXPECT_EQ(h.end, frame.size() - 6);
}

TEST(Parse, walks_ipv6_extension_headers) {
  Build build;
  build.source = "fd00::1";
  build.destination = "fd00::2";
  Bytes frame = build.frame();
  const Bytes extensions = from_hex("2b00 000000000000  1100 000000000000");
  frame.insert(frame.begin() + 54, extensions.begin(), extensions.end());
  frame[20] = 0;  // hop-by-hop, then routing, then UDP
  store16(frame.data() + 18, static_cast<uint16_t>(frame.size() - 54));
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  EXPECT_EQ(h.transport, Transport::udp);
  EXPECT_EQ(h.transport_offset, 70u);
  EXPECT_TRUE(h.extended);
}

TEST(Parse, ipv6_fragments_have_a_transport_only_at_their_start) {
  Build build;
  build.source = "fd00::1";
  build.destination = "fd00::2";
  for (uint16_t offset : {uint16_t{1}, uint16_t{0x51}}) {
    Bytes frame = build.frame();
    Bytes extension = from_hex("1100 0000 00000009");
    store16(extension.data() + 2, offset);
    frame.insert(frame.begin() + 54, extension.begin(), extension.end());
    frame[20] = 44;
    store16(frame.data() + 18, static_cast<uint16_t>(frame.size() - 54));
    Headers h;
    ASSERT_TRUE(parses(frame, h));
    EXPECT_TRUE(h.fragment);
    EXPECT_EQ(h.fragment_id, 9u);
    EXPECT_EQ(h.fragment_offset, offset & 0xfff8u);
    EXPECT_EQ(h.transport, offset == 1 ? Transport::udp : Transport::none);
  }
}

TEST(Parse, later_ipv4_fragments_have_no_transport) {
  Build build;
  build.fragment = 0x2003;
  Bytes frame = build.frame();
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  EXPECT_TRUE(h.fragment);
  EXPECT_EQ(h.fragment_offset, 24u);
  EXPECT_EQ(h.transport, Transport::none);
  EXPECT_EQ(h.protocol, protocol_udp);
}

TEST(Parse, refuses_frames_that_contradict_themselves) {
  Build build;
  build.protocol = protocol_tcp;
  const Bytes good = build.frame();
  Headers h;
  auto with = [&](size_t at, uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    return parses(bad, h);
  };
  EXPECT_FALSE(with(14, 0x65));            // version
  EXPECT_FALSE(with(14, 0x44));            // header below 20 bytes
  EXPECT_FALSE(with(14, 0x4f));            // header beyond the total length
  EXPECT_FALSE(with(16, 0xff));            // total length beyond the frame
  EXPECT_FALSE(with(17, 19));              // total length below the header
  EXPECT_FALSE(with(14 + 20 + 12, 0x40));  // TCP header below 20 bytes
  EXPECT_FALSE(with(14 + 20 + 12, 0xf0));  // TCP header beyond the datagram
  for (size_t cut = 0; cut < 54; cut++) {
    Bytes bad(good.begin(), good.begin() + static_cast<ptrdiff_t>(cut));
    EXPECT_FALSE(parses(bad, h)) << cut;
  }
}

TEST(Parse, finds_the_packet_that_an_icmp_error_quotes) {
  Build quoted;
  quoted.protocol = protocol_tcp;
  quoted.payload.resize(1000);
  Bytes inner = quoted.frame();
  Build error;
  error.protocol = protocol_icmp;
  error.icmp_type = Icmp::unreachable;
  error.payload.assign(inner.begin() + 14, inner.begin() + 14 + 28);
  Bytes frame = error.frame();
  Headers h, q;
  ASSERT_TRUE(parses(frame, h));
  ASSERT_TRUE(parse_quoted(h, q));
  EXPECT_EQ(q.transport, Transport::tcp);
  EXPECT_EQ(q.tcp().source(), 40000);
  EXPECT_EQ(q.end, frame.size());
  frame[34] = Icmp::echo_request;
  EXPECT_FALSE(parse_quoted(h, q));
}

// Every frame of any bytes: nothing outside is touched (the sanitizer watches), and what is found
// lies inside.
TEST(Parse, stays_inside_hostile_frames) {
  std::mt19937 random(1);
  Build build;
  for (int round = 0; round < 200000; round++) {
    const bool v6 = (round & 1) != 0;
    build.source = v6 ? "fd00::1" : "10.0.0.1";
    build.destination = v6 ? "fd00::2" : "10.0.0.2";
    const uint8_t protocols[] = {
        protocol_tcp, protocol_udp, v6 ? protocol_icmp6 : protocol_icmp, 0, 44, 51};
    build.protocol = protocols[random() % 6];
    build.icmp_type = v6 ? 1 : 3;
    build.payload.resize(random() % 80);
    Bytes frame = build.frame();
    for (auto i = random() % 6; i > 0; i--)
      frame[random() % frame.size()] = static_cast<uint8_t>(random());
    frame.resize(random() % (frame.size() + 1));
    frame.shrink_to_fit();
    Headers h;
    if (!parses(frame, h) || !h.ip()) continue;
    ASSERT_LE(h.end, h.length);
    ASSERT_LE(h.transport_offset, h.end);
    if (h.transport != Transport::none) (void)transport_checksum(h);
    Headers quoted;
    if (parse_quoted(h, quoted) && quoted.ip()) {
      SumChange change;
      change.address(quoted.source(), quoted.destination(), quoted.address_bytes());
      update_transport_checksum(quoted, change, false);
      ASSERT_LE(quoted.end, h.end);
    }
  }
}

TEST(Checksum, knows_the_example_of_rfc_1071) {
  const Bytes bytes = from_hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(fold(sum_bytes(bytes.data(), 8)), 0xddf2);
  const Bytes odd = from_hex("0001 f203 f4");
  EXPECT_EQ(fold(sum_bytes(odd.data(), 5)), fold(0x0001 + 0xf203 + 0xf400));
}

// Any rewrite of addresses and port, applied incrementally, equals the sum computed anew.
TEST(Checksum, incremental_updates_equal_new_sums) {
  std::mt19937 random(2);
  for (int round = 0; round < 20000; round++) {
    const bool v6 = (round & 1) != 0, udp = (round & 2) != 0;
    Build build;
    if (v6) build.source = "fd00::1", build.destination = "fd00::2";
    build.protocol = udp ? protocol_udp : protocol_tcp;
    build.payload.resize(random() % 9);
    for (auto& byte : build.payload) byte = static_cast<uint8_t>(random());
    Bytes frame = build.frame();
    Headers h;
    ASSERT_TRUE(parses(frame, h));
    uint8_t address[16];
    for (auto& byte : address) byte = static_cast<uint8_t>(random());
    const auto port = static_cast<uint16_t>(random());
    SumChange change;
    change.address(h.source(), address, h.address_bytes());
    change.word(h.udp().source(), port);
    copy_bytes(h.source(), address, h.address_bytes());
    h.udp().set_source(port);
    update_transport_checksum(h, change, false);
    if (!v6) update_ipv4_checksum(h.ipv4(), change);
    Frame held(frame);
    ASSERT_TRUE(transport_checksum_valid(held.packet(), h));
    if (!v6) {
      ASSERT_EQ(h.ipv4().checksum(), ipv4_checksum(h.ipv4()));
    }
  }
}

TEST(Checksum, partial_ones_follow_addresses_and_not_ports) {
  Build build;
  build.protocol = protocol_tcp;
  build.partial = true;
  Bytes frame = build.frame();
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  const uint8_t address[4] = {192, 168, 250, 251};
  SumChange change;
  change.address(h.source(), address, 4);
  change.word(h.tcp().source(), 1234);
  copy_bytes(h.source(), address, 4);
  h.tcp().set_source(1234);
  update_transport_checksum(h, change, true);
  EXPECT_EQ(h.tcp().checksum(), fold(pseudo_sum(h)));
}

TEST(Checksum, an_unused_udp_checksum_stays_unused) {
  Bytes frame = Build().frame();
  Headers h;
  ASSERT_TRUE(parses(frame, h));
  h.udp().set_checksum(0);
  SumChange change;
  change.word(1, 2);
  update_transport_checksum(h, change, false);
  EXPECT_EQ(h.udp().checksum(), 0);
}

TEST(Checksum, finishing_takes_back_a_partial_one) {
  Build build;
  build.partial = true;
  Frame frame = frame_of(build);
  Packet packet = frame.packet();
  Headers h;
  ASSERT_TRUE(parse(packet, h));
  ASSERT_TRUE(partial_checksum(packet, h));
  finish_transport_checksum(packet, h);
  EXPECT_EQ(packet.vnet->flags & vnet_needs_csum, 0);
  EXPECT_TRUE(transport_checksum_valid(packet, h));
  packet.data[packet.length - 1] ^= 1;
  EXPECT_FALSE(transport_checksum_valid(packet, h));
}

TEST(Checksum, a_decremented_ttl_keeps_the_header_valid) {
  for (int ttl = 1; ttl < 256; ttl++) {
    Build build;
    build.ttl = static_cast<uint8_t>(ttl);
    Bytes frame = build.frame();
    const Ipv4 ip{frame.data() + 14};
    decrement_ttl(ip);
    ASSERT_EQ(ip.ttl(), ttl - 1);
    ASSERT_EQ(ip.checksum(), ipv4_checksum(ip));
  }
}

}  // namespace
}  // namespace vireo::vnf::testing
