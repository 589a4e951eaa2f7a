// SPDX-License-Identifier: Apache-2.0
// Three links: 192.0.2.2/24 and 2001:db8:1::2/64 on port 0 with the gateway 192.0.2.1; 10.0.0.1/24
// and 2001:db8:2::1/64 on port 1; 10.0.1.1/24 on port 2. All neighbours are seeded.
#include "vnf/router/router.h"

#include <gtest/gtest.h>

#include <string>

#include "vnf/checksum_testing.h"
#include "vnf/testing.h"

namespace vireo::vnf {
namespace {

using testing::Build;
using testing::expect_right_checksums;
using testing::Outcome;

class RouterTest : public ::testing::Test {
 protected:
  static void seed(AbiPort& port, std::string_view address, uint8_t last) {
    AbiNeighbour& neighbour = port.neighbours[port.neighbour_count++];
    neighbour.address = testing::address_of(address, 0);
    const uint8_t mac[] = {2, 0, 0, 0, 9, last};
    memcpy(neighbour.mac, mac, 6);
  }
  static std::unique_ptr<Identity> identity() {
    auto identity = testing::identity_of({{"192.0.2.2/24", "2001:db8:1::2/64"},
                                          {"10.0.0.1/24", "2001:db8:2::1/64"},
                                          {"10.0.1.1/24"}});
    identity->ports[0].gateway4 = testing::address_of("192.0.2.1", 0);
    seed(identity->ports[0], "192.0.2.1", 1);
    seed(identity->ports[0], "192.0.2.9", 9);
    seed(identity->ports[0], "2001:db8:1::9", 9);
    seed(identity->ports[1], "10.0.0.5", 5);
    seed(identity->ports[1], "2001:db8:2::5", 5);
    seed(identity->ports[2], "10.0.1.6", 6);
    seed(identity->ports[2], "10.0.1.7", 7);
    return identity;
  }
  void add(std::string_view destination, uint8_t length, std::string_view via) {
    RouterRoute& route = config_->routes[config_->route_count++];
    route.destination = testing::address_of(destination, length);
    route.via = testing::address_of(via, 0);
  }
  bool start() {
    bench_ = std::make_unique<testing::FunctionBench<Router>>(identity());
    config_->refusals = 1000;
    return bench_->configure(*config_);
  }
  static Build packet(const std::string& source, const std::string& destination, uint8_t in) {
    Build build;
    build.source = source;
    build.destination = destination;
    build.destination_mac = "02:00:00:00:01:0" + std::to_string(in);
    return build;
  }
  Outcome send(const Build& build, uint8_t in) {
    return bench_->process_one(testing::frame_of(build), in);
  }
  // The port that the packet leaves by, and the last byte of the MAC that it goes to.
  std::pair<int, int> way(const std::string& destination, uint8_t in = 1) {
    const std::string source =
        destination.find(':') == std::string::npos ? "10.0.0.5" : "2001:db8:2::5";
    Outcome outcome = send(packet(source, destination, in), in);
    if (!outcome.sent()) return {-1, -1};
    expect_right_checksums(outcome);
    return {outcome.out, outcome.bytes[5]};
  }
  uint64_t counter(RouterCounter name) {
    return bench_->vitals().counters[static_cast<uint32_t>(name)];
  }
  std::unique_ptr<RouterConfig> config_ = std::make_unique<RouterConfig>();
  std::unique_ptr<testing::FunctionBench<Router>> bench_;
};

using Way = std::pair<int, int>;

TEST_F(RouterTest, the_longest_prefix_decides) {
  add("198.51.0.0", 16, "10.0.1.6");
  add("198.51.100.0", 24, "192.0.2.9");
  add("198.51.100.128", 25, "10.0.1.7");
  ASSERT_TRUE(start()) << testing::last_failure();
  EXPECT_EQ(way("198.51.7.1"), (Way{2, 6}));
  EXPECT_EQ(way("198.51.100.1"), (Way{0, 9}));
  EXPECT_EQ(way("198.51.100.200"), (Way{2, 7}));
  EXPECT_EQ(way("203.0.113.1"), (Way{0, 1})) << "the gateway of the first link";
  EXPECT_EQ(way("10.0.1.6"), (Way{2, 6})) << "on the link";
  EXPECT_EQ(way("2001:db8:1::9"), (Way{0, 9}));
  EXPECT_EQ(counter(RouterCounter::forwarded), 6u);
}

TEST_F(RouterTest, a_route_to_everywhere_stands_before_a_gateway) {
  add("0.0.0.0", 0, "10.0.1.7");
  ASSERT_TRUE(start());
  EXPECT_EQ(way("203.0.113.1"), (Way{2, 7}));
}

TEST_F(RouterTest, the_hop_limit_counts_down_and_ends) {
  ASSERT_TRUE(start());
  Build build = packet("10.0.0.5", "10.0.1.6", 1);
  Outcome outcome = send(build, 1);
  EXPECT_EQ(outcome.headers().ipv4().ttl(), build.ttl - 1);
  build.ttl = 1;
  Outcome refused = send(build, 1);
  ASSERT_EQ(refused.out, 1);
  expect_right_checksums(refused);
  const Headers h = refused.headers();
  EXPECT_EQ(h.icmp().type(), Icmp::time_exceeded);
  EXPECT_TRUE(same_bytes(h.source(), testing::address_of("10.0.0.1", 0).bytes, 4));
  EXPECT_TRUE(same_bytes(h.destination(), testing::address_of("10.0.0.5", 0).bytes, 4));
}

TEST_F(RouterTest, where_no_route_leads_the_sender_is_told) {
  ASSERT_TRUE(start());
  Outcome refused = send(packet("2001:db8:2::5", "2001:db8:77::1", 1), 1);
  ASSERT_EQ(refused.out, 1);
  expect_right_checksums(refused);
  EXPECT_EQ(refused.headers().icmp().type(), Icmp::unreachable6);
  EXPECT_EQ(refused.headers().icmp().code(), 0);
  EXPECT_EQ(counter(RouterCounter::no_route), 1u);
  EXPECT_EQ(way("224.0.0.5"), (Way{-1, -1})) << "multicast is not routed, and not answered";
}

TEST_F(RouterTest, answers_for_its_own_addresses_from_every_side) {
  ASSERT_TRUE(start());
  Build echo = packet("10.0.0.5", "10.0.1.1", 1);
  echo.protocol = protocol_icmp;
  Outcome answer = send(echo, 1);
  ASSERT_EQ(answer.out, 1);
  expect_right_checksums(answer);
  EXPECT_EQ(answer.headers().icmp().type(), Icmp::echo_reply);
  Build syn = packet("10.0.0.5", "10.0.0.1", 1);
  syn.protocol = protocol_tcp;
  Outcome reset = send(syn, 1);
  ASSERT_EQ(reset.out, 1);
  EXPECT_NE(reset.headers().tcp().flags() & Tcp::rst, 0);
}

TEST_F(RouterTest, who_says_to_be_the_router_is_not_forwarded) {
  ASSERT_TRUE(start());
  EXPECT_FALSE(send(packet("10.0.1.1", "192.0.2.9", 1), 1).sent());
  EXPECT_FALSE(send(packet("127.0.0.1", "192.0.2.9", 1), 1).sent());
  EXPECT_EQ(counter(RouterCounter::malformed), 2u);
  Build other = packet("10.0.0.5", "192.0.2.9", 1);
  other.destination_mac = "02:00:00:00:07:07";
  EXPECT_FALSE(send(other, 1).sent());
  EXPECT_EQ(counter(RouterCounter::not_for_us), 1u);
}

TEST_F(RouterTest, a_route_that_cannot_be_is_named) {
  add("198.51.100.0", 24, "10.0.1.6");
  add("203.0.113.0", 24, "172.16.0.1");
  EXPECT_FALSE(start());
  EXPECT_EQ(testing::last_failure(), "`routes[1]`: the gateway is on none of the links");
  config_->route_count = 1;
  add("198.51.100.0", 24, "192.0.2.9");
  EXPECT_FALSE(start());
  EXPECT_EQ(testing::last_failure(),
            "`routes[1]`: a link or an earlier route has that destination");
  config_->route_count = 1;
  add("2001:db8:9::", 48, "10.0.1.6");
  EXPECT_FALSE(start());
  EXPECT_EQ(testing::last_failure(),
            "`routes[1]`: the gateway is of the other IP version than the destination");
}

TEST_F(RouterTest, ten_thousand_routes) {
  for (uint32_t i = 0; i < router_most_routes; i++) {
    const std::string net = "100." + std::to_string(i / 100) + "." + std::to_string(i % 100) + ".0";
    add(net, 24, i % 2 == 0 ? "10.0.1.6" : "10.0.1.7");
  }
  ASSERT_TRUE(start()) << testing::last_failure();
  EXPECT_EQ(way("100.0.0.1"), (Way{2, 6}));
  EXPECT_EQ(way("100.99.99.200"), (Way{2, 7}));
  EXPECT_EQ(way("100.100.0.1"), (Way{0, 1}));
}

}  // namespace
}  // namespace vireo::vnf
