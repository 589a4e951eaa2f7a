// SPDX-License-Identifier: Apache-2.0
// What passes frames on as they are: forwarder and monitor against a bridge of Linux', and the rate
// limiter below and over its rates.
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

Setup transparent(const char* image, const char* config) {
  Setup setup;
  setup.image = image;
  setup.config = config;
  // The bridge itself says nothing, and netfilter does not look at what it passes.
  setup.linux = R"(
echo 1 > ipv6/conf/all/disable_ipv6
for each in bridge/bridge-nf-call-*; do [ ! -e $each ] || echo 0 > $each; done
ip link add bridge type bridge mcast_snooping 0
ip link set bridge up
for each in $P0 $P1; do ip link set $each master bridge; done
)";
  setup.transparent = setup.bridged = true;
  setup.ports.resize(2);
  setup.probes = {{a, udp("10.1.0.2", 9, "10.1.0.3", 9)}, {b, udp("10.1.0.3", 9, "10.1.0.2", 9)}};
  return setup;
}

const Setup& forwarder() {
  static const Setup setup = transparent("forwarder", "{}");
  return setup;
}
const Setup& monitor() {
  static const Setup setup = transparent("monitor", "{ interval: 10s }");
  return setup;
}
const Setup& rate_limiter() {
  static const Setup setup =
      transparent("rate-limiter", "{ flow_rate: 1000, flow_burst: 65536, from: first }");
  return setup;
}

void passes_unchanged(Bench& bench) {
  Build marked = udp("10.1.0.2", 4000, "10.1.0.3", 80);
  marked.ttl = 1;
  Bytes frame = marked.frame();
  EXPECT_EQ(bench.send(a, {frame}), "b: udp 10.1.0.2:4000 > 10.1.0.3:80 ttl 1 data 16x5a\n");
  frame[vnf::ethernet_bytes + 1] = 0xb8;  // and the header's checksum no longer fits
  EXPECT_EQ(bench.send(b, {frame}),
            "a: udp 10.1.0.2:4000 > 10.1.0.3:80 ttl 1 tos 184 data 16x5a BAD IP CHECKSUM\n");
  EXPECT_EQ(bench.send(a, {tcp("fd01::2", 4000, "fd01::3", 80, vnf::Tcp::fin).frame()}),
            "b: tcp [fd01::2]:4000 > [fd01::3]:80 ttl 64 seq 1000 ack 0 win 65535 F\n");
}

void passes_whatever_is_not_ip(Bench& bench) {
  EXPECT_EQ(bench.send(a, {vnf::testing::arp_request("10.1.0.2", "10.1.0.3")}),
            "b: arp 1 10.1.0.2 for 10.1.0.3\n");
  Bytes experiment(60, 0x33);  // IEEE 802's local experimental EtherType 1
  vnf::store16(experiment.data() + 12, 0x88b5);
  experiment[0] = 2;
  EXPECT_EQ(bench.send(a, {experiment}), "b: ethernet 88b5\n");
}

void keeps_their_order(Bench& bench) {
  std::vector<Bytes> frames;
  std::string expected;
  for (uint16_t port = 1000; port < 1030; port++) {
    frames.push_back(udp("10.1.0.2", port, "10.1.0.3", 80).frame());
    expected += "b: udp 10.1.0.2:" + std::to_string(port) + " > 10.1.0.3:80 ttl 64 data 16x5a\n";
  }
  EXPECT_EQ(bench.send(a, frames), expected);
}

class Forwarder : public Behaviour<forwarder> {};
INSTANTIATE_TEST_SUITE_P(Behaviour, Forwarder, testing::ValuesIn(technologies(true)), test_name);
TEST_P(Forwarder, passes_unchanged) { passes_unchanged(bench()); }
TEST_P(Forwarder, passes_whatever_is_not_ip) { passes_whatever_is_not_ip(bench()); }
TEST_P(Forwarder, keeps_their_order) { keeps_their_order(bench()); }

class Monitor : public Behaviour<monitor> {};
INSTANTIATE_TEST_SUITE_P(Behaviour, Monitor, testing::ValuesIn(technologies(true)), test_name);
TEST_P(Monitor, passes_unchanged) { passes_unchanged(bench()); }
TEST_P(Monitor, passes_whatever_is_not_ip) { passes_whatever_is_not_ip(bench()); }
TEST_P(Monitor, keeps_their_order) { keeps_their_order(bench()); }

// No reference: a policer of each flow is no part of every kernel of Linux'.
class RateLimiter : public Behaviour<rate_limiter> {
 protected:
  // How many of 80 frames of 1042 bytes pass.
  long pass(unsigned from, uint16_t port) {
    Build build = udp("10.1.0.2", port, "10.1.0.3", 80);
    build.payload = Bytes(1000, 0x44);
    const std::string text = bench().send(from, std::vector<Bytes>(80, build.frame()));
    EXPECT_EQ(text.find("BAD"), text.npos);
    return std::count(text.begin(), text.end(), '\n');
  }
};
INSTANTIATE_TEST_SUITE_P(Behaviour, RateLimiter, testing::ValuesIn(technologies(false)), test_name);
TEST_P(RateLimiter, passes_unchanged_below_the_rate) { passes_unchanged(bench()); }
TEST_P(RateLimiter, passes_whatever_is_not_ip) { passes_whatever_is_not_ip(bench()); }
TEST_P(RateLimiter, keeps_their_order) { keeps_their_order(bench()); }
TEST_P(RateLimiter, drops_what_is_over_the_burst_of_a_flow) {
  EXPECT_EQ(pass(a, 7000), 65536 / 1042);  // the rate gives the next one in 8 s
  EXPECT_EQ(pass(a, 7000), 0);
  EXPECT_EQ(pass(a, 7001), 65536 / 1042) << "another flow";
  EXPECT_EQ(pass(b, 7000), 80) << "the other direction has no limit";
}

}  // namespace
}  // namespace vireo::behaviour
