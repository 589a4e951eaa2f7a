// SPDX-License-Identifier: Apache-2.0
// Measures our TCP under loss beside Linux' own, in one run: streams of some seconds over a link
// that loses 1 % of all MTU-size frames, Reno at both ends, in three settings: Linux to Linux,
// Linux to tcp-sink, tcp-source to Linux. Prints Mb/s of each round, medians and ratios.
//
//   vnf_tcp_loss_bench [ROUNDS [SECONDS [LOSS]]]      5, 2 and 0.01
//
// The rights of the privileged tests are needed; traffic stays in namespaces of its own.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "host/namespace.h"
#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"
#include "vnf/tcp/lossy_link_testing.h"
#include "vnf/tcp/tcp_sink.h"
#include "vnf/tcp/tcp_source.h"

namespace vireo::vnf {
namespace {

using Clock = std::chrono::steady_clock;
using tcp::testing::LossyLink;

constexpr uint16_t port = 5001;
struct Wish {
  double seconds = 2, loss = 0.01;
};

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}
double rate(uint64_t bytes, double seconds) { return static_cast<double>(bytes) * 8e-6 / seconds; }

sockaddr_in address(const char* text) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  ::inet_pton(AF_INET, text, &at.sin_addr);
  return at;
}

Result<Fd> socket_in(const Fd& network_namespace) {
  const auto there = TRY(NamespaceScope::enter(network_namespace));
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  const timeval patience{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0)
    return system_error("cannot choose reno");
  return fd;
}

Result<Fd> listener_in(const Fd& network_namespace) {
  Fd fd = TRY(socket_in(network_namespace));
  const sockaddr_in here = address("0.0.0.0");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) < 0 ||
      ::listen(fd.get(), 1) < 0)
    return system_error("cannot listen");
  return fd;
}

Result<Fd> call(const Fd& network_namespace, const char* to) {
  Fd fd = TRY(socket_in(network_namespace));
  const sockaddr_in there = address(to);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) < 0)
    return system_error("cannot connect");
  return fd;
}

// Sends until the time is over; `took` says how much has arrived.
template <class Took>
double send_for(const Fd& fd, double seconds, Took took) {
  const std::string part(64 * 1024, 'x');
  const auto begin = Clock::now();
  while (since(begin) < seconds && ::send(fd.get(), part.data(), part.size(), MSG_NOSIGNAL) > 0) {
  }
  return rate(took(), since(begin));
}

double receive_for(const Fd& fd, double seconds) {
  std::string part(256 * 1024, 0);
  uint64_t bytes = 0;
  const auto begin = Clock::now();
  for (ssize_t got; since(begin) < seconds; bytes += static_cast<uint64_t>(got)) {
    got = ::recv(fd.get(), part.data(), part.size(), 0);
    if (got <= 0) break;
  }
  return rate(bytes, since(begin));
}

Result<LaunchedFunction> launch(const std::string& name, const std::string& config, int end,
                                const Lab& lab) {
  Launch launch;
  launch.program = VIREO_FUNCTIONS "/" + name;
  launch.ports = {end};
  launch.identity = plain_identity(1, 1);
  add_address(*launch.identity, 0, "10.9.0.7/24");
  launch.config = config;
  launch.network_namespace = &lab.middle();
  auto started = TRY(LaunchedFunction::start(launch));
  TRY(started.wait_ready(std::chrono::seconds(5)));
  return started;
}
template <class Config>
std::string bytes_of(const Config& config) {
  return {reinterpret_cast<const char*>(&config), sizeof config};
}

Result<double> linux_to_linux(const Wish& wish, uint64_t seed) {
  const auto lab = TRY(Lab::make(LabKind::tap));
  const auto ports = lab.ports();
  const auto link = TRY(LossyLink::start_between(ports[0], ports[1], {.loss = wish.loss}, seed));
  const Fd listener = TRY(listener_in(lab.server()));
  const Fd sending = TRY(call(lab.client(), "10.9.0.2"));
  const Fd receiving(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::thread sender([&] { send_for(sending, wish.seconds + 0.1, [] { return uint64_t{0}; }); });
  const double result = receive_for(receiving, wish.seconds);
  ::shutdown(receiving.get(), SHUT_RDWR);
  sender.join();
  return result;
}

Result<double> linux_to_sink(const Wish& wish, uint64_t seed) {
  const auto lab = TRY(Lab::make(LabKind::tap));
  const auto link = TRY(LossyLink::start(lab.ports()[0], {.loss = wish.loss}, seed));
  const auto sink = TRY(
      launch("tcp-sink", bytes_of(TcpSink::Config{port, 0, 0, 8, 1u << 20}), link->far_end(), lab));
  const Fd sending = TRY(call(lab.client(), "10.9.0.7"));
  return send_for(sending, wish.seconds,
                  [&] { return __atomic_load_n(&sink.vitals().counters[0], __ATOMIC_RELAXED); });
}

Result<double> source_to_linux(const Wish& wish, uint64_t seed) {
  const auto lab = TRY(Lab::make(LabKind::tap));
  const auto link = TRY(LossyLink::start(lab.ports()[0], {.loss = wish.loss}, seed));
  const Fd listener = TRY(listener_in(lab.client()));
  const auto holder = plain_identity(1, 0);
  add_address(*holder, 0, "10.9.0.1/32");
  TcpSource::Config config{};
  config.server = holder->ports[0].addresses[0];
  config.port = port;
  const auto source = TRY(launch("tcp-source", bytes_of(config), link->far_end(), lab));
  const Fd receiving(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return receive_for(receiving, wish.seconds);
}

int measure(int rounds, const Wish& wish) {
  struct Setting {
    const char* name;
    Result<double> (*run)(const Wish&, uint64_t);
    std::vector<double> rates;
  } settings[] = {{"Linux to Linux", linux_to_linux, {}},
                  {"Linux to tcp-sink", linux_to_sink, {}},
                  {"tcp-source to Linux", source_to_linux, {}}};
  for (int round = 0; round < rounds; round++)
    for (Setting& setting : settings) {
      const auto got = setting.run(wish, static_cast<uint64_t>(round) + 1);
      if (!got) {
        std::fprintf(stderr, "%s: %s\n", setting.name, got.error().message.c_str());
        return 1;
      }
      setting.rates.push_back(*got);
    }
  double reference = 0;
  for (Setting& setting : settings) {
    std::sort(setting.rates.begin(), setting.rates.end());
    const double median = setting.rates[setting.rates.size() / 2];
    if (reference == 0) reference = median;
    std::printf("%-20s %6.0f Mb/s (%.0f to %.0f)  %.2f\n", setting.name, median,
                setting.rates.front(), setting.rates.back(), median / reference);
  }
  return 0;
}

}  // namespace
}  // namespace vireo::vnf

int main(int count, char** arguments) {
  vireo::vnf::Wish wish;
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 5;
  if (count > 2) wish.seconds = std::atof(arguments[2]);
  if (count > 3) wish.loss = std::atof(arguments[3]);
  if (rounds < 1 || wish.seconds <= 0 || wish.loss < 0 || wish.loss > 1) {
    std::fprintf(stderr, "usage: vnf_tcp_loss_bench [ROUNDS [SECONDS [LOSS]]]\n");
    return 2;
  }
  return vireo::vnf::measure(rounds, wish);
}
