// SPDX-License-Identifier: Apache-2.0
#include "vnf/monitor/monitor.h"

#include <gtest/gtest.h>

#include "vnf/testing.h"

namespace vireo::vnf {
namespace {

using testing::Build;

class MonitorTest : public ::testing::Test {
 protected:
  void start(uint32_t top = 2, uint32_t table_size = 16) {
    MonitorConfig config{};
    config.interval = 1000;
    config.top = top;
    config.table_size = table_size;
    config.idle = 60'000;
    bench_ = std::make_unique<testing::FunctionBench<Monitor>>(testing::identity_of({{}, {}}));
    ASSERT_TRUE(bench_->configure(config)) << testing::last_failure();
    tick();
    testing::log_lines().clear();
  }
  void tick(uint64_t ms = 0) {
    bench_->now_ns += ms * 1'000'000;
    bench_->function().tick(bench_->now_ns);
  }
  struct End {
    std::string address;
    uint16_t port = 0;
  };
  static Build packet(const End& from, const End& to, size_t payload,
                      uint8_t protocol = protocol_udp) {
    Build build;
    build.source = from.address;
    build.destination = to.address;
    build.source_port = from.port;
    build.destination_port = to.port;
    build.protocol = protocol;
    build.payload = testing::Bytes(payload, 0x5a);
    return build;
  }
  void send(const Build& build, uint8_t in = 0) {
    EXPECT_EQ(bench_->process_one(testing::frame_of(build), in).out, in ^ 1u);
  }
  uint64_t counter(MonitorCounter name) {
    return bench_->vitals().counters[static_cast<uint32_t>(name)];
  }
  std::unique_ptr<testing::FunctionBench<Monitor>> bench_;
};

using Lines = std::vector<std::string>;

TEST_F(MonitorTest, the_flows_that_move_most_are_written_once_an_interval) {
  start();
  send(packet({"10.0.0.9", 50000}, {"10.0.0.2", 80}, 58));
  send(packet({"10.0.0.2", 80}, {"10.0.0.9", 50000}, 958), 1);
  send(packet({"10.0.0.1", 50001}, {"10.0.0.2", 53}, 158));
  send(packet({"10.0.0.1", 50002}, {"10.0.0.2", 53}, 8));
  tick(999);
  EXPECT_EQ(testing::log_lines(), Lines{});
  tick(1);
  EXPECT_EQ(testing::log_lines(),
            (Lines{"top 1: 10.0.0.9:50000 > 10.0.0.2:80 udp 100 bytes 1 packets, back 1000 bytes 1 "
                   "packets",
                   "top 2: 10.0.0.1:50001 > 10.0.0.2:53 udp 200 bytes 1 packets, back 0 bytes 0 "
                   "packets"}));
  EXPECT_EQ(bench_->vitals().flows, 3u);
  tick(1000);
  EXPECT_EQ(testing::log_lines().size(), 2u) << "nothing moved since";
  send(packet({"2001:db8::9", 1}, {"2001:db8::1", 443}, 10, protocol_tcp));
  Build echo = packet({"2001:db8::9", 0}, {"2001:db8::1", 0}, 10, protocol_icmp6);
  echo.icmp_type = Icmp::echo_request6;
  send(echo);
  tick(1000);
  ASSERT_EQ(testing::log_lines().size(), 4u);
  EXPECT_EQ(testing::log_lines()[2].substr(0, 46),
            "top 1: [2001:db8::9]:1 > [2001:db8::1]:443 tcp");
  EXPECT_EQ(testing::log_lines()[3].substr(0, 41), "top 2: 2001:db8::9 > 2001:db8::1 icmp 72 ");
}

TEST_F(MonitorTest, the_order_is_right_whatever_comes_first) {
  start(3);
  for (const size_t size : {300u, 100u, 500u, 200u, 400u})
    send(packet({"10.0.0.1", static_cast<uint16_t>(size)}, {"10.0.0.2", 7}, size));
  tick(1000);
  ASSERT_EQ(testing::log_lines().size(), 3u);
  for (size_t i = 0; i < 3; i++)
    EXPECT_NE(testing::log_lines()[i].find("10.0.0.1:" + std::to_string(500 - 100 * i) + " >"),
              std::string::npos)
        << testing::log_lines()[i];
}

TEST_F(MonitorTest, counts_by_protocol_and_forgets_what_is_idle) {
  start();
  send(packet({"10.0.0.1", 1}, {"10.0.0.2", 2}, 10, protocol_tcp));
  send(packet({"10.0.0.1", 1}, {"10.0.0.2", 2}, 10, protocol_icmp));
  EXPECT_TRUE(
      bench_->process_one(testing::Frame(testing::arp_request("10.0.0.1", "10.0.0.2"))).sent());
  EXPECT_TRUE(bench_->process_one(testing::Frame(testing::Bytes(9))).sent()) << "it drops nothing";
  EXPECT_EQ(counter(MonitorCounter::packets), 4u);
  EXPECT_EQ(counter(MonitorCounter::tcp), 1u);
  EXPECT_EQ(counter(MonitorCounter::icmp), 1u);
  EXPECT_EQ(counter(MonitorCounter::not_ip), 1u);
  EXPECT_EQ(counter(MonitorCounter::malformed), 1u);
  EXPECT_EQ(bench_->vitals().flows, 2u);
  tick(61'000);
  EXPECT_EQ(bench_->vitals().flows, 0u);
}

TEST_F(MonitorTest, a_full_table_stops_no_packet) {
  start(5, 16);
  for (uint16_t port = 1; port <= 20; port++) send(packet({"10.0.0.1", port}, {"10.0.0.2", 7}, 10));
  EXPECT_EQ(counter(MonitorCounter::flows_seen), 16u);
  EXPECT_EQ(counter(MonitorCounter::table_full), 4u);
}

TEST(TextLine, addresses_as_rfc_5952_writes_them) {
  auto text = [](const char* address) {
    TextLine line;
    return std::string(line.add_ipv6(testing::address_of(address, 0).bytes).text());
  };
  for (const char* address : {"::", "::1", "1::", "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1",
                              "2001:0:0:1::1", "fe80::ab:cd", "1:2:3:4:5:6:7:8", "0:1::"})
    EXPECT_EQ(text(address), address);
  TextLine line;
  for (int i = 0; i < 100; i++) line.add("twelve bytes");
  EXPECT_EQ(std::string(line.text()).size(), 255u);
}

}  // namespace
}  // namespace vireo::vnf
