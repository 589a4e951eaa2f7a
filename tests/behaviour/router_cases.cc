// SPDX-License-Identifier: Apache-2.0
// The router against Linux' own: longest prefix, hop limits, what cannot be delivered.
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

// Behind `b` are two gateways of what is not on a link.
const Setup& router() {
  static const Setup setup = {
      .image = "router",
      .config = R"({ routes: [
      { destination: 10.9.0.0/16, via: 10.2.0.3 }, { destination: 10.9.8.0/24, via: 10.1.0.3 },
      { destination: 10.9.8.7/32, via: 10.2.0.3 },
      { destination: "fd09::/16", via: "fd02::3" }, { destination: "fd09:8::/32", via: "fd01::3" } ] })",
      .linux = R"(
ip route add 10.9.0.0/16 via 10.2.0.3
ip route add 10.9.8.0/24 via 10.1.0.3
ip route add 10.9.8.7/32 via 10.2.0.3
ip route add fd09::/16 via fd02::3
ip route add fd09:8::/32 via fd01::3
)",
      .ports = {{{"10.1.0.0/24", "fd01::/64"},
                 {"10.1.0.1", "fd01::1"},
                 {"10.1.0.2", "10.1.0.3", "fd01::2", "fd01::3"}},
                {{"10.2.0.0/24", "fd02::/64"},
                 {"10.2.0.1", "fd02::1"},
                 {"10.2.0.2", "10.2.0.3", "fd02::2", "fd02::3"}}},
      .probes = {{a, udp("10.1.0.2", 9, "10.2.0.2", 9)},
                 {b, udp("10.2.0.2", 9, "10.1.0.2", 9)},
                 {a, udp("10.1.0.2", 9, "10.9.0.1", 9)},
                 {b, udp("10.2.0.2", 9, "10.9.8.1", 9)},
                 {a, udp("fd01::2", 9, "fd02::2", 9)},
                 {b, udp("fd02::2", 9, "fd01::2", 9)},
                 {a, udp("fd01::2", 9, "fd09::1", 9)},
                 {b, udp("fd02::2", 9, "fd09:8::1", 9)}},
  };
  return setup;
}

class Router : public Behaviour<router> {};
INSTANTIATE_TEST_SUITE_P(Behaviour, Router, testing::ValuesIn(technologies(true)), test_name);

TEST_P(Router, forwards_one_hop) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.2.0.2", 80)),
            "b: udp 10.1.0.2:4000 > 10.2.0.2:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(b, tcp("10.2.0.2", 80, "10.1.0.2", 4000, vnf::Tcp::syn | vnf::Tcp::ack)),
            "a: tcp 10.2.0.2:80 > 10.1.0.2:4000 ttl 63 seq 1000 ack 0 win 65535 SA\n");
  EXPECT_EQ(send(a, udp("fd01::2", 4000, "fd02::2", 80)),
            "b: udp [fd01::2]:4000 > [fd02::2]:80 ttl 63 data 16x5a\n");
}

TEST_P(Router, keeps_the_order_of_frames) {
  std::vector<Build> frames;
  std::string expected;
  for (uint16_t port = 1000; port < 1040; port++) {
    frames.push_back(udp("10.1.0.2", port, "10.2.0.2", 80));
    expected += "b: udp 10.1.0.2:" + std::to_string(port) + " > 10.2.0.2:80 ttl 63 data 16x5a\n";
  }
  EXPECT_EQ(send(a, frames), expected);
}

TEST_P(Router, takes_the_longest_prefix) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.9.9.1", 80)),
            "b: udp 10.1.0.2:4000 > 10.9.9.1:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(b, udp("10.2.0.2", 4000, "10.9.8.1", 80)),
            "a: udp 10.2.0.2:4000 > 10.9.8.1:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.9.8.7", 80)),
            "b: udp 10.1.0.2:4000 > 10.9.8.7:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(b, udp("fd02::2", 4000, "fd09:8::1", 80)),
            "a: udp [fd02::2]:4000 > [fd09:8::1]:80 ttl 63 data 16x5a\n");
  EXPECT_EQ(send(a, udp("fd01::2", 4000, "fd09:9::1", 80)),
            "b: udp [fd01::2]:4000 > [fd09:9::1]:80 ttl 63 data 16x5a\n");
}

TEST_P(Router, says_that_the_hop_limit_is_reached) {
  Build last = udp("10.1.0.2", 4000, "10.2.0.2", 80);
  last.ttl = 1;
  EXPECT_EQ(send(a, last),
            "a: icmp 11.0 10.1.0.1 > 10.1.0.2 ttl 64"
            " [udp 10.1.0.2:4000 > 10.2.0.2:80 ttl 1 data 16x5a]\n");
  Build last6 = udp("fd01::2", 4000, "fd02::2", 80);
  last6.ttl = 1;
  EXPECT_EQ(send(a, last6),
            "a: icmp6 3.0 fd01::1 > fd01::2 ttl 64"
            " [udp [fd01::2]:4000 > [fd02::2]:80 ttl 1 data 16x5a]\n");
}

TEST_P(Router, says_that_there_is_no_route) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.8.0.1", 80)),
            "a: icmp 3.0 10.1.0.1 > 10.1.0.2 ttl 64"
            " [udp 10.1.0.2:4000 > 10.8.0.1:80 ttl 64 data 16x5a]\n");
  EXPECT_EQ(send(a, udp("fd01::2", 4000, "fd08::1", 80)),
            "a: icmp6 1.0 fd01::1 > fd01::2 ttl 64"
            " [udp [fd01::2]:4000 > [fd08::1]:80 ttl 64 data 16x5a]\n");
}

TEST_P(Router, never_answers_an_error_with_an_error) {
  Build error = error_about("10.1.0.2", "10.8.0.1", 3, 1, udp("10.8.0.1", 1, "10.1.0.2", 2));
  EXPECT_EQ(send(a, error), nothing);
  error.destination = "10.2.0.2";
  error.ttl = 1;
  EXPECT_EQ(send(a, error), nothing);
}

TEST_P(Router, answers_a_ping_to_each_of_its_addresses) {
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.1.0.1")),
            "a: icmp 0.0 10.1.0.1 > 10.1.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, ping("10.1.0.2", "10.2.0.1")),
            "a: icmp 0.0 10.2.0.1 > 10.1.0.2 ttl 64 id 7 seq 1 data 16x5a\n");
  EXPECT_EQ(send(a, ping("fd01::2", "fd01::1")),
            "a: icmp6 129.0 fd01::1 > fd01::2 ttl 64 id 7 seq 1 data 16x5a\n");
}

TEST_P(Router, says_that_nobody_listens_on_it) {
  EXPECT_EQ(send(a, udp("10.1.0.2", 4000, "10.1.0.1", 80)),
            "a: icmp 3.3 10.1.0.1 > 10.1.0.2 ttl 64"
            " [udp 10.1.0.2:4000 > 10.1.0.1:80 ttl 64 data 16x5a]\n");
  EXPECT_EQ(send(a, tcp("10.1.0.2", 4000, "10.1.0.1", 80, vnf::Tcp::syn)),
            "a: tcp 10.1.0.1:80 > 10.1.0.2:4000 ttl 64 seq 0 ack 1001 win 0 RA\n");
  EXPECT_EQ(send(a, tcp("fd01::2", 4000, "fd01::1", 80, vnf::Tcp::syn)),
            "a: tcp [fd01::1]:80 > [fd01::2]:4000 ttl 64 seq 0 ack 1001 win 0 RA\n");
}

TEST_P(Router, drops_a_damaged_header) {
  Build whole = udp("10.1.0.2", 4000, "10.2.0.2", 80);
  whole.source_mac = to_string(mac_of_host(a));
  whole.destination_mac = to_string(mac_of_function(a));
  Bytes frame = whole.frame();
  EXPECT_EQ(bench().send_raw(a, {frame}), "b: udp 10.1.0.2:4000 > 10.2.0.2:80 ttl 63 data 16x5a\n");
  frame[vnf::ethernet_bytes + 10] ^= 1;  // the header's checksum
  EXPECT_EQ(bench().send_raw(a, {frame}), nothing);
}

TEST_P(Router, drops_what_is_not_sent_to_it) {
  Build whole = udp("10.1.0.2", 4000, "10.2.0.2", 80);
  whole.source_mac = to_string(mac_of_host(a));
  whole.destination_mac = "02:00:00:00:0c:00";
  EXPECT_EQ(bench().send_raw(a, {whole.frame()}), nothing);
}

TEST_P(Router, passes_fragments_on) {
  Build datagram = udp("10.1.0.2", 4000, "10.2.0.2", 80);
  datagram.payload = Bytes(40, 0x11);
  EXPECT_EQ(bench().send(a, in_fragments(datagram, 32, 77)),
            "b: udp 10.1.0.2:4000 > 10.2.0.2:80 ttl 63 fragment 77 at 0+ data 24x11\n"
            "b: ip 17 10.1.0.2 > 10.2.0.2 ttl 63 fragment 77 at 32 data 16x11\n");
}

TEST_P(Router, drops_addresses_that_no_packet_has) {
  EXPECT_EQ(send(a, udp("127.0.0.1", 4000, "10.2.0.2", 80)), nothing);
  EXPECT_EQ(send(a, udp("224.0.0.5", 4000, "10.2.0.2", 80)), nothing);
  EXPECT_EQ(send(a, udp("10.2.0.1", 4000, "10.2.0.2", 80)), nothing);  // its own
  EXPECT_EQ(send(a, udp("::", 4000, "fd02::2", 80)), nothing);
  // RFC 4291, 2.5.6. Linux sends it back to the link that it came from, once it knows the
  // neighbour.
  if (GetParam() == reference) return;
  EXPECT_EQ(send(a, udp("fd01::2", 4000, "fe80::2", 80)), nothing);
}

}  // namespace
}  // namespace vireo::behaviour
