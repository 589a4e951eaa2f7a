// SPDX-License-Identifier: Apache-2.0
// The real forwarder between two namespaces, on both kinds of port.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"

namespace vireo::vnf {
namespace {

using std::chrono::seconds;

std::string program(const std::string& name) { return VIREO_FUNCTIONS "/" + name; }

class Forwarding : public ::testing::TestWithParam<LabKind> {
 protected:
  void SetUp() override {
    auto lab = Lab::make(GetParam());
    ASSERT_TRUE(lab) << lab.error().message;
    lab_ = std::make_unique<Lab>(std::move(*lab));
    Launch launch;
    launch.program = program("forwarder");
    launch.ports = lab_->ports();
    launch.identity = plain_identity(2, GetParam() == LabKind::tap ? 0 : 1);
    launch.network_namespace = &lab_->middle();
    auto started = LaunchedFunction::start(launch);
    ASSERT_TRUE(started) << started.error().message;
    function_ = std::make_unique<LaunchedFunction>(std::move(*started));
    auto ready = function_->wait_ready(seconds(5));
    ASSERT_TRUE(ready) << ready.error().message;
  }
  Result<std::string> client(const std::string& command) { return run_in(lab_->client(), command); }

  std::unique_ptr<Lab> lab_;
  std::unique_ptr<LaunchedFunction> function_;
};

TEST_P(Forwarding, passes_ping_in_both_families) {
  for (const char* target : {"10.9.0.2", "fd09::2"}) {
    auto ping = client(std::string("ping -n -c 3 -i 0.01 -W 5 ") + target);
    EXPECT_TRUE(ping) << ping.error().message;
  }
  const Vitals& vitals = function_->vitals();
  EXPECT_EQ(vitals.magic, vitals_magic);
  EXPECT_EQ(vitals.state, static_cast<uint32_t>(FunctionState::ready));
  EXPECT_GE(vitals.ports[0].rx_packets, 6u);
  EXPECT_GE(vitals.ports[0].tx_packets, 6u);
  EXPECT_GT(vitals.batches, 0u);
}

// A 64 KB segment crosses as one packet: the mean frame is far above the MTU on both sides.
TEST_P(Forwarding, passes_large_segments_whole) {
  Background server(lab_->server(), "iperf -s");
  ASSERT_TRUE(wait_listening(lab_->server(), 5001));
  auto iperf = client("iperf -c 10.9.0.2 -n 200M");
  ASSERT_TRUE(iperf) << iperf.error().message;
  const Vitals& vitals = function_->vitals();
  EXPECT_GT(vitals.ports[0].rx_bytes, 200u << 20);
  EXPECT_GT(vitals.ports[0].rx_bytes / vitals.ports[0].rx_packets, 20000u);
  EXPECT_GT(vitals.ports[1].tx_bytes / vitals.ports[1].tx_packets, 20000u);
  EXPECT_EQ(vitals.drops[drop_malformed], 0u);

  // The same as others see it.
  Background load(lab_->client(), "iperf -c 10.9.0.2 -t 30");
  for (const Fd* side : {&lab_->client(), &lab_->server()}) {
    auto seen = run_in(*side, "timeout 20 tcpdump -i eth0 -nn -s 100 -c 1 'greater 20000 and tcp'");
    EXPECT_TRUE(seen) << seen.error().message;
  }
}

TEST_P(Forwarding, nothing_passes_while_it_is_stopped) {
  function_->signal(SIGSTOP);
  EXPECT_FALSE(client("ping -n -c 2 -i 0.01 -W 1 10.9.0.2"));
  function_->signal(SIGCONT);
  EXPECT_TRUE(client("ping -n -c 2 -i 0.01 -W 5 10.9.0.2"));
}

TEST_P(Forwarding, its_namespace_forwards_nothing_itself) {
  auto rules = run_in(lab_->middle(), "nft list ruleset");
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(*rules, "");
  auto forward = run_in(lab_->middle(), "cat /proc/sys/net/ipv4/ip_forward");
  ASSERT_TRUE(forward);
  EXPECT_EQ(*forward, "0\n");
}

TEST_P(Forwarding, ends_cleanly_on_sigterm) {
  function_->signal(SIGTERM);
  auto code = function_->wait_exit(seconds(5));
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(function_->vitals().state, static_cast<uint32_t>(FunctionState::draining));
}

TEST_P(Forwarding, outlives_the_platform) {
  function_->close_agent();
  EXPECT_TRUE(client("ping -n -c 2 -i 0.01 -W 5 10.9.0.2"));
}

TEST_P(Forwarding, keeps_no_state_and_says_so) {
  ASSERT_TRUE(function_->send(AgentMessage::export_state, 0, ""));
  auto end = function_->next_message(seconds(5));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->header.type, static_cast<uint32_t>(AgentMessage::state_end));
  ASSERT_TRUE(function_->send(AgentMessage::import_state, 1, ""));
  ASSERT_TRUE(function_->send(AgentMessage::state_chunk, 0, "xyz"));
  ASSERT_TRUE(function_->send(AgentMessage::state_end, 0, ""));
  auto done = function_->next_message(seconds(5));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->header.type, static_cast<uint32_t>(AgentMessage::import_done));
  EXPECT_NE(done->header.value, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ports, Forwarding, ::testing::Values(LabKind::tap, LabKind::packet_socket),
                         [](const auto& kind) {
                           return kind.param == LabKind::tap ? "tap" : "packet_socket";
                         });

// Starts a program that must fail; what it said.
std::string refusal_of(Launch launch) {
  auto started = LaunchedFunction::start(launch);
  if (!started) return started.error().message;
  auto message = started->next_message(seconds(5));
  if (!message) return message.error().message;
  EXPECT_EQ(message->header.type, static_cast<uint32_t>(AgentMessage::failed));
  auto code = started->wait_exit(seconds(5));
  EXPECT_TRUE(code && *code == 1);
  EXPECT_EQ(started->vitals().state, static_cast<uint32_t>(FunctionState::failed));
  EXPECT_EQ(std::string(started->vitals().reason), message->payload);
  return message->payload;
}

Launch forwarder_with(uint32_t ports, std::vector<int> fds) {
  Launch launch;
  launch.program = program("forwarder");
  launch.identity = plain_identity(ports, 1);
  launch.ports = std::move(fds);
  return launch;
}

TEST(Starting, refuses_what_it_cannot_work_with_and_says_why) {
  const std::vector<int> three = {0, 0, 0};
  EXPECT_EQ(refusal_of(forwarder_with(1, {0})), "too few ports");
  EXPECT_EQ(refusal_of(forwarder_with(3, three)), "a forwarder needs an even number of ports");
  EXPECT_EQ(refusal_of(forwarder_with(2, {0})),
            "it was given another number of ports than its identity names");
  Launch other = forwarder_with(2, {0, 0});
  other.identity->abi = 99;
  EXPECT_EQ(refusal_of(std::move(other)), "the platform speaks another version of the ABI");
  Launch foreign = forwarder_with(2, {0, 0});
  foreign.config = "surplus";
  EXPECT_EQ(refusal_of(std::move(foreign)), "the configuration has another size");
}

// A port that is in an error must not make the function spin, nor die: it lives and beats on.
TEST(Starting, a_dead_port_does_not_end_it) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  Fd near(ends[0]), far(ends[1]);
  auto started = LaunchedFunction::start(forwarder_with(2, {near.get(), near.get()}));
  ASSERT_TRUE(started);
  ASSERT_TRUE(started->wait_ready(seconds(5)));
  near = Fd();
  far = Fd();
  const uint64_t before = started->vitals().heartbeat;
  const auto end = std::chrono::steady_clock::now() + seconds(10);
  while (started->vitals().heartbeat < before + 2 && std::chrono::steady_clock::now() < end)
    ::usleep(1000);
  EXPECT_GE(started->vitals().heartbeat, before + 2);
}

}  // namespace
}  // namespace vireo::vnf
