// SPDX-License-Identifier: Apache-2.0
// What the tests of the NAT share. Outside: 192.0.2.2/24 and 2001:db8:1::2/64 on port 0, gateway
// 192.0.2.1. Inside: 10.0.0.1/24 and 2001:db8:2::1/64 on port 1. All neighbours are seeded.
#pragma once
#include <gtest/gtest.h>

#include "vnf/checksum_testing.h"
#include "vnf/nat/nat.h"
#include "vnf/testing.h"

namespace vireo::vnf::nat_testing {

using testing::Build;
using testing::Bytes;
using testing::expect_right_checksums;
using testing::Frame;
using testing::Outcome;

inline constexpr uint8_t outside = 0, inside = 1;
inline const std::string nat_mac[] = {"02:00:00:00:01:00", "02:00:00:00:01:01"};

inline std::string text_of(const uint8_t* a) {
  return std::to_string(a[0]) + "." + std::to_string(a[1]) + "." + std::to_string(a[2]) + "." +
         std::to_string(a[3]);
}

inline NatConfig config_of() {
  NatConfig config{};
  config.inside = inside;
  config.hairpin = 1;
  config.first_port = 1024;
  config.last_port = 65535;
  config.table_size = 1000;
  config.per_source = 500;
  config.tcp_established = 7440'000;
  config.tcp_transitory = 240'000;
  config.udp = 300'000;
  config.icmp = 60'000;
  config.refusals = 1000;
  return config;
}

inline Build packet_in(const std::string& source, const std::string& destination,
                       uint8_t protocol = protocol_udp) {
  Build build;
  build.source = source;
  build.destination = destination;
  build.destination_mac = nat_mac[inside];
  build.protocol = protocol;
  return build;
}
inline Build from_host(uint8_t protocol = protocol_udp) {
  return packet_in("10.0.0.5", "198.51.100.9", protocol);
}
// From the remote end back to the outside address.
inline Build from_remote(uint16_t to_port, uint8_t protocol = protocol_udp) {
  Build build = packet_in("198.51.100.9", "192.0.2.2", protocol);
  build.destination_mac = nat_mac[outside];
  build.source_port = 80;
  build.destination_port = build.icmp_id = to_port;
  build.tcp_flags = Tcp::syn | Tcp::ack;
  build.icmp_type = Icmp::echo_reply;
  return build;
}

class NatTest : public ::testing::Test {
 protected:
  using Bench = testing::FunctionBench<Nat>;

  static void seed(AbiPort& port, std::string_view address, uint8_t last) {
    AbiNeighbour& neighbour = port.neighbours[port.neighbour_count++];
    neighbour.address = testing::address_of(address, 0);
    const uint8_t mac[] = {2, 0, 0, 0, 9, last};
    memcpy(neighbour.mac, mac, 6);
  }
  static std::unique_ptr<Identity> identity(bool seeded = true) {
    auto identity = testing::identity_of(
        {{"192.0.2.2/24", "2001:db8:1::2/64"}, {"10.0.0.1/24", "2001:db8:2::1/64"}});
    identity->ports[outside].gateway4 = testing::address_of("192.0.2.1", 0);
    identity->ports[outside].gateway6 = testing::address_of("2001:db8:1::1", 0);
    if (!seeded) return identity;
    seed(identity->ports[outside], "192.0.2.1", 1);
    seed(identity->ports[outside], "2001:db8:1::1", 1);
    seed(identity->ports[inside], "10.0.0.5", 5);
    seed(identity->ports[inside], "10.0.0.6", 6);
    seed(identity->ports[inside], "2001:db8:2::5", 5);
    return identity;
  }
  void start(const NatConfig& config = config_of(), bool seeded = true) {
    bench_ = std::make_unique<Bench>(identity(seeded));
    ASSERT_TRUE(bench_->configure(config)) << testing::last_failure();
  }
  void SetUp() override { start(); }

  Outcome send(const Build& build, uint8_t in) {
    return bench_->process_one(testing::frame_of(build), in);
  }
  Outcome send(const Bytes& bytes, uint8_t in) { return bench_->process_one(Frame(bytes), in); }
  // Sends from inside, expects it outside; gives the port or id it was translated to.
  uint16_t open(const Build& build) {
    Outcome outcome = send(build, inside);
    EXPECT_EQ(outcome.out, outside);
    if (!outcome.sent()) return 0;
    expect_right_checksums(outcome);
    Headers h = outcome.headers();
    EXPECT_EQ(text_of(h.source()), "192.0.2.2");
    return h.transport == Transport::icmp ? h.icmp().id() : h.tcp().source();
  }
  bool comes_back(uint16_t port, uint8_t protocol = protocol_udp) {
    Outcome outcome = send(from_remote(port, protocol), outside);
    if (outcome.out != inside) return false;
    expect_right_checksums(outcome);
    EXPECT_EQ(text_of(outcome.headers().destination()), "10.0.0.5");
    return true;
  }
  uint64_t counter(NatCounter name) {
    return bench_->vitals().counters[static_cast<uint32_t>(name)];
  }
  void advance(uint64_t ms) {
    bench_->now_ns += ms * 1'000'000;
    for (int i = 0; i < 3; i++) bench_->function().tick(bench_->now_ns);
  }
  std::unique_ptr<Bench> bench_;
};

}  // namespace vireo::vnf::nat_testing
