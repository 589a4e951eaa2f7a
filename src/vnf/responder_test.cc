// SPDX-License-Identifier: Apache-2.0
#include "vnf/responder.h"

#include <gtest/gtest.h>

#include <random>

#include "vnf/forwarder.h"
#include "vnf/testing.h"

namespace vireo::vnf::testing {
namespace {

class ResponderTest : public ::testing::Test {
 protected:
  void configure(Responder::Mode mode, uint16_t port = 0) {
    Responder::Config config{};
    config.mode = static_cast<uint8_t>(mode);
    config.port = port;
    ASSERT_TRUE(bench_.configure(config));
  }
  void SetUp() override { configure(Responder::Mode::reset); }

  Build to_us(uint8_t protocol, bool v6 = false) {
    Build build;
    build.destination_mac = "02:00:00:00:01:00";
    build.protocol = protocol;
    if (v6) build.source = "fd00::1", build.destination = "fd00::2";
    return build;
  }
  // The answer, until the next one, checked to have gone back whole and undamaged.
  Outcome& answered(Frame frame) {
    Outcome& outcome = answer_ = bench_.process_one(std::move(frame));
    EXPECT_EQ(outcome.out, 0);
    Headers h;
    EXPECT_TRUE(parse(outcome.bytes.data(), static_cast<uint32_t>(outcome.bytes.size()), h));
    Frame sent(outcome.bytes);
    sent.vnet = outcome.vnet;
    if (h.ip()) {
      EXPECT_TRUE(transport_checksum_valid(sent.packet(), h));
    }
    if (h.network == Network::ipv4) {
      EXPECT_EQ(h.ipv4().checksum(), ipv4_checksum(h.ipv4()));
    }
    EXPECT_EQ(outcome.vnet.flags, 0);
    return outcome;
  }

  Outcome answer_;
  FunctionBench<Responder> bench_{identity_of({{"10.0.0.2/24", "fd00::2/64"}})};
};

TEST_F(ResponderTest, answers_arp_for_its_address_alone) {
  Outcome& reply = answered(Frame(arp_request("10.0.0.1", "10.0.0.2")));
  EXPECT_EQ(to_hex(reply.bytes),
            "020000000001"
            "020000000100"
            "0806"
            "0001080006040002"
            "020000000100"
            "0a000002"
            "020000000001"
            "0a000001");
  EXPECT_FALSE(bench_.process_one(Frame(arp_request("10.0.0.1", "10.0.0.3"))).sent());
  EXPECT_EQ(bench_.vitals().counters[0], 1u);
}

TEST_F(ResponderTest, answers_neighbour_solicitation_with_flags_and_its_mac) {
  Outcome& reply = answered(Frame(neighbour_solicitation("fd00::1", "fd00::2")));
  Headers h = reply.headers();
  EXPECT_EQ(h.icmp().type(), Icmp::neighbour_advertisement);
  EXPECT_EQ(h.icmp().rest(), 0x60000000u);
  EXPECT_EQ(h.ipv6().hop_limit(), 255);
  EXPECT_EQ(to_hex(Bytes(h.icmp().at + 24, h.icmp().at + 32)), "0201020000000100");
  EXPECT_FALSE(bench_.process_one(Frame(neighbour_solicitation("fd00::1", "fd00::3"))).sent());
}

TEST_F(ResponderTest, tells_everybody_when_the_asker_has_no_address) {
  Headers h = answered(Frame(neighbour_solicitation("::", "fd00::2"))).headers();
  EXPECT_EQ(h.icmp().rest(), 0x20000000u);
  EXPECT_EQ(h.destination()[0], 0xff);
  EXPECT_EQ(h.ethernet().destination()[0], 0x33);
}

TEST_F(ResponderTest, ignores_solicitations_that_came_through_a_router) {
  Bytes frame = neighbour_solicitation("fd00::1", "fd00::2");
  frame[14 + 7] = 254;
  EXPECT_FALSE(bench_.process_one(Frame(frame)).sent());
}

TEST_F(ResponderTest, answers_ping_in_both_families) {
  for (bool v6 : {false, true}) {
    Build build = to_us(v6 ? protocol_icmp6 : protocol_icmp, v6);
    build.icmp_type = v6 ? Icmp::echo_request6 : Icmp::echo_request;
    build.ttl = 3;
    Headers h = answered(Frame(build.frame())).headers();
    EXPECT_EQ(h.icmp().type(), v6 ? Icmp::echo_reply6 : Icmp::echo_reply);
    EXPECT_EQ(h.icmp().id(), 7);
  }
  EXPECT_EQ(bench_.vitals().counters[1], 2u);
}

TEST_F(ResponderTest, drops_what_is_damaged_or_for_others) {
  Build build = to_us(protocol_icmp);
  Bytes frame = build.frame();
  frame.back() ^= 1;
  EXPECT_FALSE(bench_.process_one(Frame(frame)).sent());
  build.destination = "10.0.0.9";
  EXPECT_FALSE(bench_.process_one(Frame(build.frame())).sent());
  build = to_us(protocol_icmp);
  build.destination_mac = "02:00:00:00:01:77";
  EXPECT_FALSE(bench_.process_one(Frame(build.frame())).sent());
  Outcome cut = bench_.process_one(Frame(Bytes(13)));
  EXPECT_EQ(cut.drop, drop_malformed);
}

TEST_F(ResponderTest, resets_a_syn_complete_or_partial) {
  for (bool v6 : {false, true}) {
    for (bool partial : {false, true}) {
      Build build = to_us(protocol_tcp, v6);
      build.partial = partial;
      build.payload.clear();
      Outcome& reply = answered(frame_of(build));
      Headers h = reply.headers();
      EXPECT_EQ(h.tcp().flags(), Tcp::rst | Tcp::ack);
      EXPECT_EQ(h.tcp().acknowledged(), 1001u);
      EXPECT_EQ(h.tcp().source(), 80);
      EXPECT_EQ(h.tcp().destination(), 40000);
    }
  }
  EXPECT_EQ(bench_.vitals().counters[3], 4u);
}

TEST_F(ResponderTest, never_answers_a_reset) {
  Build build = to_us(protocol_tcp);
  build.tcp_flags = Tcp::rst;
  EXPECT_FALSE(bench_.process_one(frame_of(build)).sent());
}

TEST_F(ResponderTest, accepts_on_its_port_and_resets_others) {
  configure(Responder::Mode::accept, 80);
  for (bool v6 : {false, true}) {
    Build build = to_us(protocol_tcp, v6);
    build.payload.clear();
    build.partial = true;
    Headers h = answered(frame_of(build)).headers();
    EXPECT_EQ(h.tcp().flags(), Tcp::syn | Tcp::ack);
    EXPECT_EQ(h.tcp().acknowledged(), 1001u);
    const uint32_t sequence = h.tcp().sequence();
    EXPECT_EQ(answered(frame_of(build)).headers().tcp().sequence(), sequence);
    build.source_port++;
    EXPECT_NE(answered(frame_of(build)).headers().tcp().sequence(), sequence);
    build.destination_port = 81;
    EXPECT_EQ(answered(frame_of(build)).headers().tcp().flags(), Tcp::rst | Tcp::ack);
    build.destination_port = 80;
    build.tcp_flags = Tcp::ack;
    EXPECT_FALSE(bench_.process_one(frame_of(build)).sent());
  }
  EXPECT_EQ(bench_.vitals().counters[2], 6u);
}

TEST_F(ResponderTest, survives_hostile_frames) {
  configure(Responder::Mode::accept);
  std::mt19937 random(3);
  for (int round = 0; round < 100000; round++) {
    const bool v6 = (round & 1) != 0;
    const uint8_t protocols[] = {protocol_tcp, protocol_udp, v6 ? protocol_icmp6 : protocol_icmp};
    Build build = to_us(protocols[random() % 3], v6);
    build.payload.resize(random() % 40);
    Bytes frame = random() % 8 == 0 ? neighbour_solicitation("fd00::1", "fd00::2") : build.frame();
    for (auto i = random() % 4; i > 0; i--)
      frame[6 + random() % (frame.size() - 6)] = static_cast<uint8_t>(random());
    frame.resize(random() % (frame.size() + 1));
    const Outcome outcome = bench_.process_one(Frame(frame));
    ASSERT_LE(outcome.bytes.size(), frame.size() + 64);
  }
}

TEST(ForwarderTest, passes_between_the_ports_of_a_pair) {
  FunctionBench<Forwarder> bench(identity_of({{}, {}, {}, {}}));
  ASSERT_TRUE(bench.configure({}));
  const Bytes frame = from_hex("00");
  for (uint8_t port = 0; port < 4; port++) {
    const Outcome outcome = bench.process_one(Frame(frame), port);
    EXPECT_EQ(outcome.out, port ^ 1);
    EXPECT_EQ(outcome.bytes, frame);
  }
}

TEST(ForwarderTest, refuses_a_port_without_a_partner) {
  FunctionBench<Forwarder> bench(identity_of({{}, {}, {}}));
  EXPECT_FALSE(bench.configure({}));
  EXPECT_EQ(last_failure(), "a forwarder needs an even number of ports");
}

}  // namespace
}  // namespace vireo::vnf::testing
