// SPDX-License-Identifier: Apache-2.0
// The NAT against nftables' masquerade: hosts behind `b` reach those behind `a` as 10.1.0.1.
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

using vnf::Tcp;

const Setup& nat() {
  static const Setup setup = {
      .image = "nat",
      .linux = R"(nft -f - <<END
table ip nat {
  chain postrouting {
    type nat hook postrouting priority 100;
    oifname $P0 masquerade
  }
}
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname $P1 accept
  }
}
END
)",
      .ports = {{{"10.1.0.0/24"}, {"10.1.0.1"}, {"10.1.0.2", "10.1.0.3"}},
                {{"10.2.0.0/24"}, {"10.2.0.1"}, {"10.2.0.2", "10.2.0.3"}}},
      .probes = {{b, udp("10.2.0.2", 9999, "10.1.0.2", 9999)},
                 {b, udp("10.2.0.2", 9999, "10.1.0.3", 9999)},
                 {b, udp("10.2.0.3", 9998, "10.1.0.2", 9998)},
                 {a, udp("10.1.0.2", 9999, "10.1.0.1", 9999)},
                 {a, udp("10.1.0.2", 9998, "10.1.0.1", 9998)}},
  };
  return setup;
}

// Ids of echoes are kept where they lie in the range of the NAT's ports, 1024 and above.
Build with_id(Build echo, uint16_t id) {
  echo.icmp_id = id;
  return echo;
}

class Nat : public Behaviour<nat> {
 protected:
  // The outside port in "a: udp 10.1.0.1:PORT > ...".
  static uint16_t port_in(const std::string& text) {
    const std::string before = "10.1.0.1:";
    const size_t at = text.find(before);
    return at == text.npos ? uint16_t{0}
                           : static_cast<uint16_t>(std::atoi(text.c_str() + at + before.size()));
  }
};
INSTANTIATE_TEST_SUITE_P(Behaviour, Nat, testing::ValuesIn(technologies(true)), test_name);

TEST_P(Nat, translates_datagrams_and_their_answers) {
  EXPECT_EQ(send(b, udp("10.2.0.2", 4000, "10.1.0.2", 80)),
            "a: udp 10.1.0.1:4000 > 10.1.0.2:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(a, udp("10.1.0.2", 80, "10.1.0.1", 4000)),
            "b: udp 10.1.0.2:80 > 10.2.0.2:4000 ttl 63 data 16x5a\n");
}

TEST_P(Nat, translates_a_connection) {
  EXPECT_EQ(send(b, tcp("10.2.0.2", 4001, "10.1.0.2", 80, Tcp::syn)),
            "a: tcp 10.1.0.1:4001 > 10.1.0.2:80 ttl 63 seq 1000 ack 0 win 65535 S\n");
  Build answer = tcp("10.1.0.2", 80, "10.1.0.1", 4001, Tcp::syn | Tcp::ack);
  answer.sequence = 7000;
  answer.acknowledged = 1001;
  EXPECT_EQ(send(a, answer),
            "b: tcp 10.1.0.2:80 > 10.2.0.2:4001 ttl 63 seq 7000 ack 1001 win 65535 SA\n");
}

TEST_P(Nat, translates_an_echo) {
  EXPECT_EQ(send(b, with_id(ping("10.2.0.2", "10.1.0.2"), 7000)),
            "a: icmp 8.0 10.1.0.1 > 10.1.0.2 ttl 63 id 7000 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, with_id(pong("10.1.0.2", "10.1.0.1"), 7000)),
            "b: icmp 0.0 10.1.0.2 > 10.2.0.2 ttl 63 id 7000 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, with_id(pong("10.1.0.2", "10.1.0.1"), 7001)), nothing) << "nobody asked";
  EXPECT_EQ(
      send(a, with_id(pong("10.1.0.3", "10.1.0.1"), 7000)),
      deliberately("RFC 4787 REQ-8: who filters is the firewall, not the NAT",
                   "b: icmp 0.0 10.1.0.3 > 10.2.0.2 ttl 63 id 7000 seq 1 data 16x5a\n", nothing));
}

TEST_P(Nat, translates_what_an_error_quotes) {
  EXPECT_EQ(send(b, udp("10.2.0.2", 4002, "10.1.0.2", 81)),
            "a: udp 10.1.0.1:4002 > 10.1.0.2:81 ttl 63 data 16x5a\n");
  EXPECT_EQ(
      send(a, error_about("10.1.0.2", "10.1.0.1", 3, 3, udp("10.1.0.1", 4002, "10.1.0.2", 81))),
      "b: icmp 3.3 10.1.0.2 > 10.2.0.2 ttl 63"
      " [udp 10.2.0.2:4002 > 10.1.0.2:81 ttl 64 data 16x5a]\n");
  EXPECT_EQ(
      send(b, error_about("10.2.0.2", "10.1.0.2", 3, 3, udp("10.1.0.2", 81, "10.2.0.2", 4002))),
      "a: icmp 3.3 10.1.0.1 > 10.1.0.2 ttl 63"
      " [udp 10.1.0.2:81 > 10.1.0.1:4002 ttl 64 data 16x5a]\n");
  EXPECT_EQ(
      send(a, error_about("10.1.0.2", "10.1.0.1", 3, 3, udp("10.1.0.1", 4990, "10.1.0.2", 81))),
      nothing)
      << "about what was never sent";
}

TEST_P(Nat, translates_what_an_error_quotes_of_a_connection_and_an_echo) {
  EXPECT_NE(send(b, tcp("10.2.0.2", 4003, "10.1.0.2", 80, Tcp::syn)), nothing);
  EXPECT_EQ(send(a, error_about("10.1.0.2", "10.1.0.1", 3, 1,
                                tcp("10.1.0.1", 4003, "10.1.0.2", 80, Tcp::syn))),
            "b: icmp 3.1 10.1.0.2 > 10.2.0.2 ttl 63"
            " [tcp 10.2.0.2:4003 > 10.1.0.2:80 ttl 64 seq 1000 ack 0 win 65535 S]\n");
  EXPECT_NE(send(b, with_id(ping("10.2.0.2", "10.1.0.2"), 7002)), nothing);
  EXPECT_EQ(send(a, error_about("10.1.0.3", "10.1.0.1", 11, 0,
                                with_id(ping("10.1.0.1", "10.1.0.2"), 7002))),
            "b: icmp 11.0 10.1.0.3 > 10.2.0.2 ttl 63"
            " [icmp 8.0 10.2.0.2 > 10.1.0.2 ttl 64 id 7002 seq 1 data 16x5a]\n");
}

TEST_P(Nat, tells_hosts_with_the_same_port_apart) {
  EXPECT_EQ(send(b, udp("10.2.0.2", 4004, "10.1.0.2", 82)),
            "a: udp 10.1.0.1:4004 > 10.1.0.2:82 ttl 63 data 16x5a\n");
  const std::string other = send(b, udp("10.2.0.3", 4004, "10.1.0.2", 82));
  const uint16_t port = port_in(other);
  EXPECT_GE(port, 1024) << other;
  EXPECT_NE(port, 4004);
  EXPECT_EQ(send(a, udp("10.1.0.2", 82, "10.1.0.1", port)),
            "b: udp 10.1.0.2:82 > 10.2.0.3:4004 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(a, udp("10.1.0.2", 82, "10.1.0.1", 4004)),
            "b: udp 10.1.0.2:82 > 10.2.0.2:4004 ttl 63 data 16x5a\n");
}

TEST_P(Nat, keeps_a_mapping_for_every_remote_end) {
  EXPECT_EQ(send(b, udp("10.2.0.2", 4005, "10.1.0.2", 83)),
            "a: udp 10.1.0.1:4005 > 10.1.0.2:83 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(b, udp("10.2.0.2", 4005, "10.1.0.3", 83)),
            "a: udp 10.1.0.1:4005 > 10.1.0.3:83 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(a, udp("10.1.0.3", 84, "10.1.0.1", 4005)),
            deliberately("RFC 4787 REQ-8: who filters is the firewall, not the NAT",
                         "b: udp 10.1.0.3:84 > 10.2.0.2:4005 ttl 63 data 16x5a\n",
                         "a: icmp 3.3 10.1.0.1 > 10.1.0.3 ttl 64"
                         " [udp 10.1.0.3:84 > 10.1.0.1:4005 ttl 64 data 16x5a]\n"));
}

TEST_P(Nat, lets_nobody_in_who_was_not_asked) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 85, "10.1.0.1", 6000)),
            deliberately("a NAT is no host: strangers do not learn what it does not map", nothing,
                         "a: icmp 3.3 10.1.0.1 > 10.1.0.2 ttl 64"
                         " [udp 10.1.0.2:85 > 10.1.0.1:6000 ttl 64 data 16x5a]\n"));
  EXPECT_EQ(send(a, udp("10.1.0.2", 85, "10.2.0.2", 4000)), nothing) << "by the inside address";
}

TEST_P(Nat, is_itself_a_hop) {
  Build last = udp("10.2.0.2", 4006, "10.1.0.2", 80);
  last.ttl = 1;
  EXPECT_EQ(send(b, last),
            "b: icmp 11.0 10.2.0.1 > 10.2.0.2 ttl 64"
            " [udp 10.2.0.2:4006 > 10.1.0.2:80 ttl 1 data 16x5a]\n");
  EXPECT_EQ(send(b, ping("10.2.0.2", "10.2.0.1")),
            "b: icmp 0.0 10.2.0.1 > 10.2.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.1.0.1")),
            "a: icmp 0.0 10.1.0.1 > 10.1.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
}

TEST_P(Nat, translates_fragments) {
  Build datagram = udp("10.2.0.2", 4007, "10.1.0.2", 86);
  datagram.payload = Bytes(40, 0x11);
  EXPECT_EQ(bench().send(b, in_fragments(datagram, 32, 77)),
            "a: udp 10.1.0.1:4007 > 10.1.0.2:86 ttl 63 fragment 77 at 0+ data 24x11\n"
            "a: ip 17 10.1.0.1 > 10.1.0.2 ttl 63 fragment 77 at 32 data 16x11\n");
  Build answer = udp("10.1.0.2", 86, "10.1.0.1", 4007);
  answer.payload = Bytes(40, 0x22);
  EXPECT_EQ(bench().send(a, in_fragments(answer, 32, 78)),
            "b: udp 10.1.0.2:86 > 10.2.0.2:4007 ttl 63 fragment 78 at 0+ data 24x22\n"
            "b: ip 17 10.1.0.2 > 10.2.0.2 ttl 63 fragment 78 at 32 data 16x22\n");
}

TEST_P(Nat, gives_no_checksum_to_a_datagram_without) {
  Bytes frame = udp("10.2.0.2", 4008, "10.1.0.2", 87).frame();
  vnf::store16(frame.data() + vnf::ethernet_bytes + vnf::ipv4_bytes + 6, 0);
  EXPECT_EQ(bench().send(b, {frame}),
            "a: udp 10.1.0.1:4008 > 10.1.0.2:87 ttl 63 unsummed data 16x5a\n");
}

}  // namespace
}  // namespace vireo::behaviour
