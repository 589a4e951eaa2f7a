// SPDX-License-Identifier: Apache-2.0
// Traffic source and sink against each other's counterpart: Debian's iperf 2; and the responder as
// a real program.
#include <gtest/gtest.h>

#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"
#include "vnf/posix/traffic_sink.h"
#include "vnf/posix/traffic_source.h"
#include "vnf/responder.h"

namespace vireo::vnf {
namespace {

using std::chrono::seconds;

template <class Config>
std::string bytes_of(const Config& config) {
  return {reinterpret_cast<const char*>(&config), sizeof config};
}

class Traffic : public ::testing::Test {
 protected:
  void SetUp() override {
    auto lab = Lab::make(LabKind::bare);
    ASSERT_TRUE(lab) << lab.error().message;
    lab_ = std::make_unique<Lab>(std::move(*lab));
  }
  LaunchedFunction launch(const std::string& name, std::string config, const Fd& where) {
    Launch launch;
    launch.program = VIREO_FUNCTIONS "/" + name;
    launch.identity = plain_identity(1, 2);
    launch.config = std::move(config);
    launch.network_namespace = &where;
    auto started = LaunchedFunction::start(launch);
    EXPECT_TRUE(started) << started.error().message;
    auto ready = started->wait_ready(seconds(5));
    EXPECT_TRUE(ready) << ready.error().message;
    return std::move(*started);
  }
  std::string source_config(uint64_t bytes, const char* server = "10.9.0.2/32") {
    auto holder = plain_identity(1, 2);
    add_address(*holder, 0, server);
    TrafficSource::Config config{};
    config.server = holder->ports[0].addresses[0];
    config.port = 5001;
    config.bytes = bytes;
    return bytes_of(config);
  }
  static void wait_for(const uint64_t& counter, uint64_t value) {
    const auto end = std::chrono::steady_clock::now() + seconds(20);
    while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < value &&
           std::chrono::steady_clock::now() < end)
      ::usleep(1000);
    EXPECT_GE(counter, value);
  }

  std::unique_ptr<Lab> lab_;
};

TEST_F(Traffic, the_sink_takes_streams_of_iperf) {
  auto sink = launch("traffic-sink", bytes_of(TrafficSink::Config{5001}), lab_->server());
  auto iperf = run_in(lab_->client(), "iperf -c 10.9.0.2 -n 64M -P 3");
  ASSERT_TRUE(iperf) << iperf.error().message;
  EXPECT_NE(iperf->find("bits/sec"), iperf->npos) << *iperf;
  wait_for(sink.vitals().counters[0], 3u * (64u << 20));
  EXPECT_EQ(sink.vitals().counters[1], 3u);
  auto iperf6 = run_in(lab_->client(), "iperf -V -c fd09::2 -n 1M");
  EXPECT_TRUE(iperf6) << iperf6.error().message;
}

TEST_F(Traffic, an_iperf_server_takes_the_stream_of_the_source) {
  auto serving = std::string("timeout 20 iperf -s -P 1 -f m");
  std::string report;
  auto source = launch("traffic-source", source_config(64u << 20), lab_->client());
  auto server = run_in(lab_->server(), serving);  // started later: the source tries again
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_NE(server->find("64.0 MBytes"), server->npos) << *server;
  wait_for(source.vitals().counters[4], 1);
  EXPECT_EQ(source.vitals().counters[0], 64u << 20);
  EXPECT_GE(source.vitals().counters[2], 1u);
}

TEST_F(Traffic, source_and_sink_understand_each_other) {
  auto sink = launch("traffic-sink", bytes_of(TrafficSink::Config{5001}), lab_->server());
  for (const char* server : {"10.9.0.2/32", "fd09::2/128"}) {
    auto source = launch("traffic-source", source_config(1u << 20, server), lab_->client());
    wait_for(source.vitals().counters[4], 1);
  }
  wait_for(sink.vitals().counters[0], 2u << 20);
}

TEST_F(Traffic, a_port_in_use_is_said) {
  auto sink = launch("traffic-sink", bytes_of(TrafficSink::Config{5001}), lab_->server());
  Launch second;
  second.program = VIREO_FUNCTIONS "/traffic-sink";
  second.identity = plain_identity(1, 2);
  second.config = bytes_of(TrafficSink::Config{5001});
  second.network_namespace = &lab_->server();
  auto started = LaunchedFunction::start(second);
  ASSERT_TRUE(started);
  auto ready = started->wait_ready(seconds(5));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message, "it cannot listen on its TCP port");
}

// The responder on a port whose other side is the client's own interface.
TEST(ResponderProgram, answers_ping_and_connect) {
  auto lab = Lab::make(LabKind::tap);
  ASSERT_TRUE(lab) << lab.error().message;
  Launch launch;
  launch.program = VIREO_FUNCTIONS "/responder";
  launch.ports = {lab->ports()[0]};
  launch.identity = plain_identity(1, 0);
  add_address(*launch.identity, 0, "10.9.0.7/24");
  add_address(*launch.identity, 0, "fd09::7/64");
  launch.config = bytes_of(Responder::Config{1, 0, 0});
  launch.network_namespace = &lab->middle();
  auto started = LaunchedFunction::start(launch);
  ASSERT_TRUE(started);
  auto ready = started->wait_ready(seconds(5));
  ASSERT_TRUE(ready) << ready.error().message;
  for (const char* target : {"10.9.0.7", "fd09::7"}) {
    auto ping = run_in(lab->client(), std::string("ping -n -c 2 -i 0.01 -W 5 ") + target);
    EXPECT_TRUE(ping) << ping.error().message;
  }
  auto connect = run_in(lab->client(), "bash -c 'exec 3<>/dev/tcp/10.9.0.7/80'");
  EXPECT_TRUE(connect) << connect.error().message;
  EXPECT_GE(started->vitals().counters[2], 1u);
}

}  // namespace
}  // namespace vireo::vnf
