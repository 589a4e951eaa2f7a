// SPDX-License-Identifier: Apache-2.0
// The firewall against nftables in a router's forward chain: Linux cannot follow connections in a
// bridge everywhere (nf_conntrack_bridge is an option of the kernel). The hop that the reference
// takes off is added before.
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

using vnf::Tcp;

const Setup& firewall() {
  static const Setup setup = {
      .image = "firewall",
      .config = R"({ default: drop, rules: [
      { action: accept, protocol: udp, port: 9 },
      { action: accept, from: first, protocol: tcp, port: 80 },
      { action: reject, from: first, protocol: tcp, port: 23 },
      { action: reject, protocol: udp, port: 53 },
      { action: accept, from: first, protocol: udp, port: 4000, port_to: 4999,
        source: 10.1.0.0/24, destination: 10.2.0.2/32 },
      { action: drop, from: first, protocol: icmp, destination: 10.2.0.4/32 },
      { action: reject, from: first, protocol: icmp, destination: 10.2.0.3/32 },
      { action: accept, from: first, protocol: icmp },
      { action: accept, from: first, protocol: tcp, source: "fd01::/64", port: 443 } ] })",
      .linux = R"(nft -f - <<END
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    udp dport 9 accept
    iifname $P0 tcp dport 80 accept
    iifname $P0 tcp dport 23 reject with tcp reset
    udp dport 53 reject with icmpx port-unreachable
    iifname $P0 ip saddr 10.1.0.0/24 ip daddr 10.2.0.2 udp dport 4000-4999 accept
    iifname $P0 meta l4proto icmp ip daddr 10.2.0.4 drop
    iifname $P0 meta l4proto icmp ip daddr 10.2.0.3 reject with icmpx admin-prohibited
    iifname $P0 meta l4proto { icmp, icmpv6 } accept
    iifname $P0 ip6 saddr fd01::/64 tcp dport 443 accept
  }
}
END
)",
      .transparent = true,
      .ports = {{{"10.1.0.0/24", "fd01::/64"},
                 {"10.1.0.1", "fd01::1"},
                 {"10.1.0.2", "10.1.0.3", "fd01::2"}},
                {{"10.2.0.0/24", "fd02::/64"},
                 {"10.2.0.1", "fd02::1"},
                 {"10.2.0.2", "10.2.0.3", "10.2.0.4", "fd02::2"}}},
      .probes = {{a, udp("10.1.0.2", 9, "10.2.0.2", 9)},
                 {b, udp("10.2.0.2", 9, "10.1.0.2", 9)},
                 {a, udp("fd01::2", 9, "fd02::2", 9)}},
  };
  return setup;
}

class Firewall : public Behaviour<firewall> {};
INSTANTIATE_TEST_SUITE_P(Behaviour, Firewall, testing::ValuesIn(technologies(true)), test_name);

TEST_P(Firewall, follows_a_connection) {
  EXPECT_EQ(send(b, tcp("10.2.0.2", 80, "10.1.0.2", 5000, Tcp::syn | Tcp::ack)), nothing);
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5000, "10.2.0.2", 80, Tcp::syn)),
            "b: tcp 10.1.0.2:5000 > 10.2.0.2:80 ttl 64 seq 1000 ack 0 win 65535 S\n");
  Build answer = tcp("10.2.0.2", 80, "10.1.0.2", 5000, Tcp::syn | Tcp::ack);
  answer.sequence = 7000;
  answer.acknowledged = 1001;
  EXPECT_EQ(send(b, answer),
            "a: tcp 10.2.0.2:80 > 10.1.0.2:5000 ttl 64 seq 7000 ack 1001 win 65535 SA\n");
  Build data = tcp("10.1.0.2", 5000, "10.2.0.2", 80, Tcp::ack | Tcp::psh);
  data.sequence = 1001;
  data.acknowledged = 7001;
  data.payload = Bytes(100, 0x41);
  EXPECT_EQ(send(a, data),
            "b: tcp 10.1.0.2:5000 > 10.2.0.2:80 ttl 64 seq 1001 ack 7001 win 65535 PA data "
            "100x41\n");
}

TEST_P(Firewall, drops_what_no_rule_accepts) {
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5001, "10.2.0.2", 81, Tcp::syn)), nothing);
  EXPECT_EQ(send(b, tcp("10.2.0.2", 5001, "10.1.0.2", 80, Tcp::syn)), nothing);
  EXPECT_EQ(send(a, udp("10.1.0.2", 5001, "10.2.0.2", 3999)), nothing);
  EXPECT_EQ(send(a, udp("10.1.0.2", 5001, "10.2.0.2", 5000)), nothing);
  EXPECT_EQ(send(a, udp("10.1.0.2", 5001, "10.2.0.3", 4000)), nothing);
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.2.0.4")), nothing);
}

TEST_P(Firewall, refuses_a_connection_with_a_reset) {
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5002, "10.2.0.2", 23, Tcp::syn)),
            "a: tcp 10.2.0.2:23 > 10.1.0.2:5002 ttl 64 df seq 0 ack 1001 win 0 RA\n");
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5002, "10.2.0.2", 23, Tcp::ack)),
            "a: tcp 10.2.0.2:23 > 10.1.0.2:5002 ttl 64 df seq 0 ack 0 win 0 R\n");
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5002, "10.2.0.2", 23, Tcp::rst)), nothing);
  EXPECT_EQ(send(a, tcp("fd01::2", 5002, "fd02::2", 23, Tcp::syn)),
            "a: tcp [fd02::2]:23 > [fd01::2]:5002 ttl 64 seq 0 ack 1001 win 0 RA\n");
}

TEST_P(Firewall, refuses_a_datagram_with_an_error) {
  const char* why = "who is transparent has no address: the error comes from the destination";
  EXPECT_EQ(send(a, udp("10.1.0.2", 5003, "10.2.0.2", 53)),
            deliberately(why,
                         "a: icmp 3.3 10.2.0.2 > 10.1.0.2 ttl 64"
                         " [udp 10.1.0.2:5003 > 10.2.0.2:53 ttl 64 data 16x5a]\n",
                         "a: icmp 3.3 10.1.0.1 > 10.1.0.2 ttl 64"
                         " [udp 10.1.0.2:5003 > 10.2.0.2:53 ttl 64 data 16x5a]\n"));
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.2.0.3")),
            deliberately(why,
                         "a: icmp 3.13 10.2.0.3 > 10.1.0.2 ttl 64"
                         " [icmp 8.0 10.1.0.2 > 10.2.0.3 ttl 64 id 7 seq 1 data 16x5a]\n",
                         "a: icmp 3.13 10.1.0.1 > 10.1.0.2 ttl 64"
                         " [icmp 8.0 10.1.0.2 > 10.2.0.3 ttl 64 id 7 seq 1 data 16x5a]\n"));
  EXPECT_EQ(send(a, udp("fd01::2", 5003, "fd02::2", 53)),
            deliberately(why,
                         "a: icmp6 1.4 fd02::2 > fd01::2 ttl 64"
                         " [udp [fd01::2]:5003 > [fd02::2]:53 ttl 64 data 16x5a]\n",
                         "a: icmp6 1.4 fd01::1 > fd01::2 ttl 64"
                         " [udp [fd01::2]:5003 > [fd02::2]:53 ttl 64 data 16x5a]\n"));
}

TEST_P(Firewall, lets_answers_to_datagrams_in) {
  EXPECT_EQ(send(b, udp("10.2.0.2", 4100, "10.1.0.2", 5004)), nothing);
  EXPECT_EQ(send(a, udp("10.1.0.2", 5004, "10.2.0.2", 4100)),
            "b: udp 10.1.0.2:5004 > 10.2.0.2:4100 ttl 64 data 16x5a\n");
  EXPECT_EQ(send(b, udp("10.2.0.2", 4100, "10.1.0.2", 5004)),
            "a: udp 10.2.0.2:4100 > 10.1.0.2:5004 ttl 64 data 16x5a\n");
  EXPECT_EQ(send(b, udp("10.2.0.2", 4101, "10.1.0.2", 5004)), nothing);
  EXPECT_EQ(send(b, udp("10.2.0.3", 4100, "10.1.0.2", 5004)), nothing);
}

TEST_P(Firewall, lets_the_answer_to_a_ping_in) {
  EXPECT_EQ(send(b, pong("10.2.0.2", "10.1.0.2")), nothing);
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.2.0.2")),
            "b: icmp 8.0 10.1.0.2 > 10.2.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(b, pong("10.2.0.2", "10.1.0.2")),
            "a: icmp 0.0 10.2.0.2 > 10.1.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(b, ping("10.2.0.2", "10.1.0.2")), nothing);
}

TEST_P(Firewall, lets_errors_about_its_flows_in) {
  const Build sent = udp("10.1.0.2", 5005, "10.2.0.2", 4200);
  EXPECT_EQ(send(b, error_about("10.2.0.2", "10.1.0.2", 3, 3, sent)), nothing);
  EXPECT_NE(send(a, sent), nothing);
  EXPECT_EQ(send(b, error_about("10.2.0.2", "10.1.0.2", 3, 3, sent)),
            "a: icmp 3.3 10.2.0.2 > 10.1.0.2 ttl 64"
            " [udp 10.1.0.2:5005 > 10.2.0.2:4200 ttl 64 data 16x5a]\n");
  // From a router on the way, with what a router on the way must say.
  EXPECT_EQ(send(b, error_about("10.2.0.3", "10.1.0.2", 11, 0, sent)),
            "a: icmp 11.0 10.2.0.3 > 10.1.0.2 ttl 64"
            " [udp 10.1.0.2:5005 > 10.2.0.2:4200 ttl 64 data 16x5a]\n");
  // Not to who has sent it.
  EXPECT_EQ(send(b, error_about("10.2.0.2", "10.1.0.3", 3, 3, sent)), nothing);
  EXPECT_EQ(
      send(b, error_about("10.2.0.2", "10.1.0.2", 3, 3, udp("10.1.0.2", 5005, "10.2.0.2", 4201))),
      nothing);
}

TEST_P(Firewall, judges_a_datagram_by_its_first_fragment) {
  Build datagram = udp("10.1.0.2", 5006, "10.2.0.2", 4300);
  datagram.payload = Bytes(40, 0x11);
  EXPECT_EQ(bench().send(a, in_fragments(datagram, 32, 77)),
            "b: udp 10.1.0.2:5006 > 10.2.0.2:4300 ttl 64 fragment 77 at 0+ data 24x11\n"
            "b: ip 17 10.1.0.2 > 10.2.0.2 ttl 64 fragment 77 at 32 data 16x11\n");
  datagram.destination_port = 5300;
  EXPECT_EQ(bench().send(a, in_fragments(datagram, 32, 78)), nothing);
  datagram.destination_port = 4300;
  EXPECT_EQ(bench().send(a, {in_fragments(datagram, 32, 79)[1]}), nothing) << "without the first";
}

TEST_P(Firewall, takes_up_a_connection_that_it_did_not_see_begin) {
  Build data = tcp("10.1.0.2", 5007, "10.2.0.2", 80, Tcp::ack);
  data.sequence = 5000;
  data.acknowledged = 9000;
  EXPECT_EQ(send(a, data),
            "b: tcp 10.1.0.2:5007 > 10.2.0.2:80 ttl 64 seq 5000 ack 9000 win 65535 A\n");
  Build answer = tcp("10.2.0.2", 80, "10.1.0.2", 5007, Tcp::ack);
  answer.sequence = 9000;
  answer.acknowledged = 5000;
  EXPECT_EQ(send(b, answer),
            "a: tcp 10.2.0.2:80 > 10.1.0.2:5007 ttl 64 seq 9000 ack 5000 win 65535 A\n");
}

TEST_P(Firewall, judges_both_families) {
  EXPECT_EQ(send(a, tcp("fd01::2", 5008, "fd02::2", 443, Tcp::syn)),
            "b: tcp [fd01::2]:5008 > [fd02::2]:443 ttl 64 seq 1000 ack 0 win 65535 S\n");
  EXPECT_EQ(send(a, tcp("10.1.0.2", 5008, "10.2.0.2", 443, Tcp::syn)), nothing);
  EXPECT_EQ(send(a, ping("fd01::2", "fd02::2")),
            "b: icmp6 128.0 fd01::2 > fd02::2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(b, pong("fd02::2", "fd01::2")),
            "a: icmp6 129.0 fd02::2 > fd01::2 ttl 64 id 7 seq 1 data 16x5a\n");
}

}  // namespace
}  // namespace vireo::behaviour
