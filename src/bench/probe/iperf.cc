// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/iperf.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "bench/probe/commands.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr uint16_t port = 5001;
constexpr const char* program = "/usr/bin/iperf";

bool connects(const sockaddr_in& server) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* address = reinterpret_cast<const sockaddr*>(&server);
  if (::connect(socket.get(), address, sizeof server) == 0) return true;
  pollfd event{socket.get(), POLLOUT, 0};
  if (errno != EINPROGRESS || ::poll(&event, 1, 100) != 1) return false;
  int error = 1;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0;
}

}  // namespace

Result<std::string> iperf_version() {
  auto text = run_script(fmt::format("{} --version 2>&1 || true", program));  // it says 1
  if (!text || !text->starts_with("iperf version "))
    return Error{Errc::not_found, "iperf 2 is not there; `apt install iperf` brings it"};
  return "iperf " + text->substr(14, text->find(' ', 14) - 14);
}

Result<std::string> pack_iperf(const std::string& folder) {
  TRY(iperf_version());
  std::string archive = folder + "/iperf.tar";
  TRY(run_script(
      fmt::format("mkdir '{0}/iperf'; cd '{0}/iperf'; mkdir proc dev tmp;"
                  "for file in {1} $(ldd {1} | grep -o '/[^ ]*'); do cp -L --parents $file .; done;"
                  "tar -cf '{2}' .",
                  folder, program, archive)));
  return archive;
}

std::vector<std::string> iperf_server() { return {program, "-s", "-Z", stream_control}; }

// The client's congestion control is that of the bench's own namespace: iperf takes -Z and -R not
// together.
Result<double> run_iperf(const std::string& address, Direction direction,
                         std::chrono::milliseconds duration) {
  std::string text = TRY(run_script(fmt::format(
      "timeout {} {} -c {} -t {} -y C{}", duration.count() / 1000 + 10, program, address,
      static_cast<double>(duration.count()) / 1000, direction == Direction::tx ? " -R" : "")));
  // "TIME,ADDRESS,PORT,ADDRESS,PORT,ID,INTERVAL,BYTES,BITS A SECOND"
  size_t comma = text.rfind(',');
  double rate = comma == std::string::npos ? 0 : std::strtod(&text[comma + 1], nullptr);
  if (rate > 0) return rate / 1e9;
  return Error{Errc::unavailable, fmt::format("iperf says no rate: {}", text)};
}

Result<void> wait_for_iperf(const std::string& address, std::chrono::milliseconds limit) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &server.sin_addr);
  for (auto end = std::chrono::steady_clock::now() + limit;
       std::chrono::steady_clock::now() < end;) {
    if (connects(server)) return {};
    std::this_thread::sleep_for(5ms);
  }
  return Error{Errc::timed_out, fmt::format("no iperf server answers at {}", address)};
}

}  // namespace vireo::bench
