// SPDX-License-Identifier: Apache-2.0
// tcp-sink and tcp-source as real programs, against Linux' own TCP: on clean links and on links
// that lose, double and reorder. Every byte is compared.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/namespace.h"
#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"
#include "vnf/tcp/lossy_link_testing.h"
#include "vnf/tcp/pattern.h"
#include "vnf/tcp/tcp_sink.h"
#include "vnf/tcp/tcp_source.h"

namespace vireo::vnf {
namespace {

using std::chrono::seconds;
using tcp::testing::LinkFaults;
using tcp::testing::LossyLink;

constexpr uint16_t port = 5001;
// VIREO_TCP_MIB sets how much each stream carries, 1024 for a long run.
uint64_t stream_bytes(uint64_t usual_mib) {
  const char* mib = std::getenv("VIREO_TCP_MIB");
  return (mib != nullptr ? std::strtoull(mib, nullptr, 10) : usual_mib) << 20;
}

template <class Config>
std::string bytes_of(const Config& config) {
  return {reinterpret_cast<const char*>(&config), sizeof config};
}

struct Where {
  const char* name;
  LabKind kind;
  bool ipv6;
  LinkFaults faults;
  uint64_t mib;
};

// The client is Linux, the function is at 10.9.0.7 and fd09::7. On a clean link it holds the
// client's link itself; on a lossy one a forwarder of the test stands between.
class AgainstLinux : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    auto lab = Lab::make(GetParam().kind);
    ASSERT_TRUE(lab) << lab.error().message;
    lab_ = std::make_unique<Lab>(std::move(*lab));
    pattern_.prepare();
    port_ = lab_->ports()[0];
    if (!GetParam().faults.any()) return;
    auto link = LossyLink::start(port_, GetParam().faults, 7);
    ASSERT_TRUE(link) << link.error().message;
    link_ = std::move(*link);
    port_ = link_->far_end();
  }
  LaunchedFunction launch(const std::string& name, std::string config) {
    Launch launch;
    launch.program = VIREO_FUNCTIONS "/" + name;
    launch.ports = {port_};
    launch.identity =
        plain_identity(1, GetParam().kind == LabKind::tap && link_ == nullptr ? 0 : 1);
    add_address(*launch.identity, 0, "10.9.0.7/24");
    add_address(*launch.identity, 0, "fd09::7/64");
    launch.config = std::move(config);
    launch.network_namespace = &lab_->middle();
    auto started = LaunchedFunction::start(launch);
    EXPECT_TRUE(started) << started.error().message;
    auto ready = started->wait_ready(seconds(5));
    EXPECT_TRUE(ready) << ready.error().message;
    return std::move(*started);
  }
  static std::pair<sockaddr_storage, socklen_t> address(const char* v4, const char* v6, bool six) {
    sockaddr_storage storage{};
    auto* four = reinterpret_cast<sockaddr_in*>(&storage);
    auto* sixth = reinterpret_cast<sockaddr_in6*>(&storage);
    storage.ss_family = six ? AF_INET6 : AF_INET;
    if (six) {
      sixth->sin6_port = htons(port);
      ::inet_pton(AF_INET6, v6, &sixth->sin6_addr);
    } else {
      four->sin_port = htons(port);
      ::inet_pton(AF_INET, v4, &four->sin_addr);
    }
    return {storage, six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)};
  }
  // A socket of the client's. Nothing waits longer than a minute.
  Fd client_socket() {
    const auto there = NamespaceScope::enter(lab_->client());
    EXPECT_TRUE(there);
    Fd fd(::socket(GetParam().ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{60, 0};
    const int yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
    return fd;
  }
  Fd connected() {
    Fd fd = client_socket();
    const auto [to, bytes] = address("10.9.0.7", "fd09::7", GetParam().ipv6);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), bytes), 0)
        << strerror(errno);
    return fd;
  }
  void send_stream(const Fd& fd, uint64_t count) {
    std::string part(100'000, 0);
    for (uint64_t at = 0; at < count;) {
      const auto want = static_cast<uint32_t>(std::min<uint64_t>(part.size(), count - at));
      pattern_.fill(at, reinterpret_cast<uint8_t*>(part.data()), want);
      const ssize_t sent = ::send(fd.get(), part.data(), want, MSG_NOSIGNAL);
      ASSERT_GT(sent, 0) << strerror(errno) << " after " << at;
      at += static_cast<uint64_t>(sent);
    }
  }
  // Bytes until the peer's FIN, all compared.
  uint64_t receive_stream(const Fd& fd) {
    std::string part(100'000, 0);
    for (uint64_t at = 0;;) {
      const ssize_t got = ::recv(fd.get(), part.data(), part.size(), 0);
      EXPECT_GE(got, 0) << strerror(errno) << " after " << at;
      if (got <= 0) return at;
      const bool same = pattern_.matches(at, reinterpret_cast<const uint8_t*>(part.data()),
                                         static_cast<uint32_t>(got));
      EXPECT_TRUE(same) << "within " << got << " bytes from " << at;
      if (!same) return at;
      at += static_cast<uint64_t>(got);
    }
  }
  static void wait_for(const uint64_t& counter, uint64_t value) {
    const auto end = std::chrono::steady_clock::now() + seconds(30);
    while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < value &&
           std::chrono::steady_clock::now() < end)
      ::usleep(1000);
    EXPECT_EQ(counter, value);
  }

  std::unique_ptr<Lab> lab_;
  std::unique_ptr<LossyLink> link_;
  tcp::Pattern pattern_;
  int port_ = -1;
};

TEST_P(AgainstLinux, the_sink_takes_every_byte_and_closes) {
  const uint64_t count = stream_bytes(GetParam().mib) + 12'345;
  auto sink = launch("tcp-sink", bytes_of(TcpSink::Config{port, 1, 0, 8, 1u << 18}));
  const Fd fd = connected();
  send_stream(fd, count);
  ::shutdown(fd.get(), SHUT_WR);
  char none;
  EXPECT_EQ(::recv(fd.get(), &none, 1, 0), 0) << "its FIN: " << strerror(errno);
  const auto& counters = sink.vitals().counters;
  wait_for(counters[0], count);
  EXPECT_EQ(counters[4], 0u) << "bytes that differ";
  EXPECT_EQ(counters[5], 1u);
  if (link_ != nullptr) {
    EXPECT_GT(link_->changed(), 0u);
  }
}

TEST_P(AgainstLinux, every_byte_of_the_source_arrives_and_it_closes) {
  const uint64_t count = stream_bytes(GetParam().mib) + 54'321;
  Fd listener = client_socket();
  const auto [here, bytes] = address("0.0.0.0", "::", GetParam().ipv6);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&here), bytes), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  TcpSource::Config config{};
  auto holder = plain_identity(1, 0);
  add_address(*holder, 0, GetParam().ipv6 ? "fd09::1/128" : "10.9.0.1/32");
  config.server = holder->ports[0].addresses[0];
  config.port = port;
  config.bytes = count;
  auto source = launch("tcp-source", bytes_of(config));
  Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_GE(fd.get(), 0) << strerror(errno);
  const timeval patience{60, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_EQ(receive_stream(fd), count);
  wait_for(source.vitals().counters[5], 1);
  EXPECT_EQ(source.vitals().counters[0], count);
  if (link_ == nullptr) {
    EXPECT_EQ(source.vitals().counters[3], 0u) << "resent on a clean link";
  }
}

// Debian's iperf 2 in the place of the test's own sockets.
class Iperf : public AgainstLinux {
 protected:
  void SetUp() override {
    AgainstLinux::SetUp();
    if (!run_in(lab_->client(), "command -v iperf")) GTEST_SKIP() << "not run: there is no iperf";
  }
  // What its last line of values says: "TIME,ADDRESS,PORT,ADDRESS,PORT,ID,INTERVAL,BYTES,RATE".
  static uint64_t bytes_in(const std::string& text) {
    const size_t line = text.rfind('\n', text.size() - 2) + 1;
    size_t at = line;
    for (int field = 0; field < 7 && at != text.npos; field++) at = text.find(',', at + 1);
    return at == text.npos ? 0 : std::strtoull(&text[at + 1], nullptr, 10);
  }
};

TEST_P(Iperf, its_stream_arrives_whole) {
  const uint64_t count = stream_bytes(GetParam().mib);
  auto sink = launch("tcp-sink", bytes_of(TcpSink::Config{port, 0, 0, 8, 1u << 20}));
  const auto said = run_in(
      lab_->client(), "timeout 200 iperf -c 10.9.0.7 -Z reno -y C -n " + std::to_string(count));
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_GE(bytes_in(*said), count) << *said;
  wait_for(sink.vitals().counters[0], bytes_in(*said));
}

TEST_P(Iperf, takes_the_whole_stream_of_the_source) {
  const uint64_t count = stream_bytes(GetParam().mib);
  Result<std::string> said = std::string();
  std::thread server(
      [&] { said = run_in(lab_->client(), "timeout 200 iperf -s -P 1 -Z reno -y C"); });
  ASSERT_TRUE(wait_listening(lab_->client(), port));
  TcpSource::Config config{};
  auto holder = plain_identity(1, 0);
  add_address(*holder, 0, "10.9.0.1/32");
  config.server = holder->ports[0].addresses[0];
  config.port = port;
  config.bytes = count;
  auto source = launch("tcp-source", bytes_of(config));
  server.join();
  ASSERT_TRUE(said) << said.error().message;
  // It does not count the four bytes in which it looks for options of the test.
  EXPECT_EQ(bytes_in(*said), count - 4) << *said;
  // The server has all before the source knows: the last acknowledgement may be lost.
  wait_for(source.vitals().counters[0], count);
}

constexpr LinkFaults clean{}, lossy{.loss = 0.01},
    all{.loss = 0.01, .doubling = 0.01, .reordering = 0.02};
INSTANTIATE_TEST_SUITE_P(Tcp, AgainstLinux,
                         ::testing::Values(Where{"tap", LabKind::tap, false, clean, 64},
                                           Where{"tap_ipv6", LabKind::tap, true, clean, 64},
                                           Where{"veth", LabKind::packet_socket, false, clean, 64},
                                           Where{"loss", LabKind::tap, false, lossy, 4},
                                           Where{"all_ipv6", LabKind::tap, true, all, 4}),
                         [](const auto& where) { return where.param.name; });
INSTANTIATE_TEST_SUITE_P(Tcp, Iperf,
                         ::testing::Values(Where{"tap", LabKind::tap, false, clean, 64},
                                           Where{"all", LabKind::tap, false, all, 4}),
                         [](const auto& where) { return where.param.name; });

}  // namespace
}  // namespace vireo::vnf
