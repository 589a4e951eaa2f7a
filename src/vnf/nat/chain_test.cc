// SPDX-License-Identifier: Apache-2.0
// The real programs in a chain: client (lan) - nat - firewall - server (wan), with real TCP, UDP
// and ping between two network namespaces. Configurations go the platform's way: label and JSON.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "model/function_type.h"
#include "vnf/firewall/config.h"
#include "vnf/nat/config.h"
#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"

namespace vireo::vnf {
namespace {

using std::chrono::seconds;

constexpr const char* server_program = R"(python3 -c '
import socket, threading
def tcp(port):
    s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port)); s.listen(8)
    while True:
        c, peer = s.accept()
        c.sendall((peer[0] + "\n").encode() + b"x" * 20000000); c.close()
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5353))
    while True:
        text, peer = s.recvfrom(2048); s.sendto(peer[0].encode(), peer)
threading.Thread(target=udp, daemon=True).start()
threading.Thread(target=tcp, args=(9999,), daemon=True).start()
tcp(8080)')";

std::string fetch(const std::string& address, int port) {
  return "timeout 60 python3 -c '\n"
         "import socket\n"
         "try:\n"
         "    s = socket.create_connection((\"" +
         address + "\", " + std::to_string(port) +
         "), 5)\n"
         "    text = b\"\"\n"
         "    while True:\n"
         "        part = s.recv(1 << 20)\n"
         "        if not part: break\n"
         "        text += part\n"
         "    print(text.split(b\"\\n\")[0].decode(), len(text) > 20000000)\n"
         "except ConnectionRefusedError: print(\"refused\")\n"
         "except OSError as e: print(\"failed\", e)'";
}

const char* const ask_udp = R"(timeout 60 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b"who", ("192.0.2.1", 5353)); print(s.recv(100).decode())')";

class ChainTest : public ::testing::Test {
 protected:
  // The chain's parts; a middle link is a pair of sockets that keep packet boundaries, as a tap
  // does.
  void SetUp() override {
    auto lab = Lab::make(LabKind::tap);
    ASSERT_TRUE(lab) << lab.error().message;
    lab_.emplace(std::move(*lab));
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    nat_end_ = Fd(pair[0]);
    firewall_end_ = Fd(pair[1]);
    for (int end : pair) {
      int bytes = 4 << 20;
      setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    }
    in(lab_->client(),
       "ip addr flush dev eth0; ip addr add 10.20.0.5/24 dev eth0;"
       "ip addr add 2001:db8:2::5/64 dev eth0 nodad;"
       "ip route add default via 10.20.0.1; ip route add default via 2001:db8:2::1");
    in(lab_->server(),
       "ip addr flush dev eth0; ip addr add 192.0.2.1/24 dev eth0;"
       "ip addr add 2001:db8:1::1/64 dev eth0 nodad;"
       "ip route add 2001:db8:2::/64 via 2001:db8:1::2");
    server_.emplace(lab_->server(), server_program);
    ASSERT_TRUE(wait_listening(lab_->server(), 8080));
    ASSERT_TRUE(wait_listening(lab_->server(), 9999));
  }

  static std::string in(const Fd& where, const std::string& command) {
    auto output = run_in(where, command);
    EXPECT_TRUE(output) << output.error().message;
    return output ? *output : "";
  }

  static std::string config_of(const std::string& function, std::string_view json) {
    std::ifstream file(std::string(VIREO_FUNCTIONS) + "/" + function + ".json");
    std::stringstream label;
    label << file.rdbuf();
    auto type = function_type_from_json(label.str());
    EXPECT_TRUE(type) << type.error().message;
    EncodedConfig config = encode_config(*type, json);
    for (const auto& error : config.errors) ADD_FAILURE() << error.path << ": " << error.message;
    return config.bytes;
  }

  void start(std::string_view rules) {
    Launch nat;
    nat.program = std::string(VIREO_FUNCTIONS) + "/nat";
    nat.ports = {nat_end_.get(), lab_->ports()[0]};
    nat.identity = plain_identity(2, 0);
    nat.identity->ports[0].gateway4.family = 4;
    const uint8_t gateway[] = {192, 0, 2, 1};
    memcpy(nat.identity->ports[0].gateway4.bytes, gateway, 4);
    add_address(*nat.identity, 0, "192.0.2.2/24");
    add_address(*nat.identity, 0, "2001:db8:1::2/64");
    add_address(*nat.identity, 1, "10.20.0.1/24");
    add_address(*nat.identity, 1, "2001:db8:2::1/64");
    nat.config = config_of("nat", "{}");
    launch(nat, nat_);
    Launch firewall;
    firewall.program = std::string(VIREO_FUNCTIONS) + "/firewall";
    firewall.ports = {lab_->ports()[1], firewall_end_.get()};
    firewall.identity = plain_identity(2, 0);
    firewall.config = config_of("firewall", rules);
    launch(firewall, firewall_);
  }
  static void launch(const Launch& what, std::optional<LaunchedFunction>& into) {
    into.reset();  // two processes must not read one port
    auto function = LaunchedFunction::start(what);
    ASSERT_TRUE(function) << function.error().message;
    into.emplace(std::move(*function));
    auto ready = into->wait_ready(seconds(10));
    ASSERT_TRUE(ready) << ready.error().message;
  }
  uint64_t rule_counter(uint32_t number) const {
    return firewall_->vitals().counters[static_cast<uint32_t>(FirewallCounter::count) + number];
  }

  std::optional<Lab> lab_;
  Fd nat_end_, firewall_end_;
  std::optional<Background> server_;
  std::optional<LaunchedFunction> nat_, firewall_;
};

TEST_F(ChainTest, carries_real_traffic_and_refuses_what_is_forbidden) {
  start(R"({"default": "drop", "rules": [
      {"action": "accept", "from": "second", "protocol": "tcp", "port": 8080},
      {"action": "reject", "protocol": "tcp", "port": 9999},
      {"action": "accept", "from": "second", "protocol": "udp", "port": 5353},
      {"action": "accept", "from": "second", "protocol": "icmp"}]})");
  ASSERT_TRUE(nat_ && firewall_);
  EXPECT_EQ(in(lab_->client(), fetch("192.0.2.1", 8080)), "::ffff:192.0.2.2 True\n")
      << "the server sees the NAT's address";
  EXPECT_EQ(rule_counter(0), 1u);
  const PortVitals& port = nat_->vitals().ports[0];
  EXPECT_GT(port.rx_bytes / port.rx_packets, 3000u) << "segments cross as one packet";
  EXPECT_EQ(in(lab_->client(), fetch("2001:db8:1::1", 8080)), "2001:db8:2::5 True\n");
  EXPECT_EQ(in(lab_->client(), fetch("192.0.2.1", 9999)), "refused\n");
  EXPECT_EQ(rule_counter(1), 1u);
  EXPECT_EQ(in(lab_->client(), ask_udp), "192.0.2.2\n");
  EXPECT_NE(in(lab_->client(), "ping -n -c 3 -i 0.2 -W 5 192.0.2.1").find("3 received"),
            std::string::npos);
  EXPECT_NE(in(lab_->client(), "ping -n -c 1 -W 5 -t 1 192.0.2.1; true")
                .find("From 10.20.0.1 icmp_seq=1 Time to live exceeded"),
            std::string::npos);
  EXPECT_NE(in(lab_->client(), "ping -n -c 1 -W 5 10.20.0.1").find("1 received"),
            std::string::npos);
  EXPECT_EQ(nat_->vitals().flows, 4u) << "two of TCP, one of them refused behind it, UDP, ping";
  EXPECT_EQ(firewall_->vitals().flows, 4u) << "TCP by both families, UDP, ping";
}

TEST_F(ChainTest, the_default_verdict_matters) {
  start(R"({"default": "reject"})");
  ASSERT_TRUE(nat_ && firewall_);
  EXPECT_EQ(in(lab_->client(), fetch("192.0.2.1", 8080)), "refused\n");
  start(R"({"default": "accept"})");
  ASSERT_TRUE(nat_ && firewall_);
  EXPECT_EQ(in(lab_->client(), fetch("192.0.2.1", 8080)), "::ffff:192.0.2.2 True\n");
}

}  // namespace
}  // namespace vireo::vnf
