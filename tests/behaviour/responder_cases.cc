// SPDX-License-Identifier: Apache-2.0
// The responder against a Linux host on which nobody listens.
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

using vnf::Tcp;

const Setup& responder() {
  static const Setup setup = {
      .image = "responder",
      .linux = ":\n",
      .ports = {{{"10.1.0.0/24", "fd01::/64"}, {"10.1.0.5", "fd01::5"}, {"10.1.0.2", "fd01::2"}}},
      .probes = {{a, ping("10.1.0.2", "10.1.0.5")}, {a, ping("fd01::2", "fd01::5")}},
  };
  return setup;
}

class Responder : public Behaviour<responder> {};
INSTANTIATE_TEST_SUITE_P(Behaviour, Responder, testing::ValuesIn(technologies(true)), test_name);

TEST_P(Responder, answers_who_asks_for_its_address) {
  EXPECT_EQ(bench().send(a, {vnf::testing::arp_request("10.1.0.2", "10.1.0.5")}),
            "a: arp 2 10.1.0.5 for 10.1.0.2\n");
  EXPECT_EQ(bench().send(a, {vnf::testing::arp_request("10.1.0.2", "10.1.0.6")}), nothing);
}

TEST_P(Responder, answers_a_ping) {
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.1.0.5")),
            "a: icmp 0.0 10.1.0.5 > 10.1.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, ping("fd01::2", "fd01::5")),
            "a: icmp6 129.0 fd01::5 > fd01::2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, pong("10.1.0.2", "10.1.0.5")), nothing);
}

TEST_P(Responder, does_not_answer_a_damaged_ping) {
  Bytes frame = ping("10.1.0.2", "10.1.0.5").frame();
  frame.back() ^= 1;
  EXPECT_EQ(bench().send(a, {frame}), nothing);
}

TEST_P(Responder, resets_a_connection) {
  EXPECT_EQ(send(a, tcp("10.1.0.2", 4000, "10.1.0.5", 80, Tcp::syn)),
            "a: tcp 10.1.0.5:80 > 10.1.0.2:4000 ttl 64 seq 0 ack 1001 win 0 RA\n");
  EXPECT_EQ(send(a, tcp("fd01::2", 4000, "fd01::5", 80, Tcp::syn)),
            "a: tcp [fd01::5]:80 > [fd01::2]:4000 ttl 64 seq 0 ack 1001 win 0 RA\n");
  Build data = tcp("10.1.0.2", 4000, "10.1.0.5", 80, Tcp::ack);
  data.acknowledged = 555;
  EXPECT_EQ(send(a, data), "a: tcp 10.1.0.5:80 > 10.1.0.2:4000 ttl 64 seq 555 ack 0 win 0 R\n");
  EXPECT_EQ(send(a, tcp("10.1.0.2", 4000, "10.1.0.5", 80, Tcp::rst)), nothing);
}

TEST_P(Responder, says_nothing_to_a_datagram) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.1.0.5", 80)),
            deliberately("it answers resolution, ping and TCP alone", nothing,
                         "a: icmp 3.3 10.1.0.5 > 10.1.0.2 ttl 64"
                         " [udp 10.1.0.2:4000 > 10.1.0.5:80 ttl 64 data 16x5a]\n"));
}

}  // namespace
}  // namespace vireo::behaviour
