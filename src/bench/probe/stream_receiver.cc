// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/stream_receiver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace vireo::bench {
namespace {

constexpr size_t read_bytes = 128 * 1024;  // as iperf reads

Result<void> wait_for(const Fd& socket, std::chrono::milliseconds limit, const char* what) {
  pollfd event{socket.get(), POLLIN, 0};
  if (::poll(&event, 1, static_cast<int>(limit.count())) == 1) return {};
  return Error{Errc::timed_out, fmt::format("{} within {} ms", what, limit.count())};
}

}  // namespace

Result<StreamReceiver> StreamReceiver::open(const IpAddress& address, uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a socket");
  const int wanted = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &wanted, sizeof wanted);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  std::memcpy(&own.sin_addr, address.bytes.data(), 4);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(socket.get(), 1) != 0)
    return system_error(fmt::format("cannot listen on {} port {}", to_string(address), port));
  return StreamReceiver(std::move(socket));
}

Result<double> StreamReceiver::take(std::chrono::milliseconds longest_pause) {
  TRY(wait_for(socket_, longest_pause, "nobody connected"));
  Fd stream(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!stream) return system_error("cannot take a connection");
  const auto began = std::chrono::steady_clock::now();
  std::vector<char> room(read_bytes);
  double bytes = 0;
  for (;;) {
    const ssize_t count = ::read(stream.get(), room.data(), room.size());
    if (count == 0) break;
    if (count > 0) bytes += static_cast<double>(count);
    if (count < 0 && errno != EAGAIN) return system_error("the stream broke");
    if (count < 0) TRY(wait_for(stream, longest_pause, "the stream stopped: no byte came"));
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
  if (bytes == 0) return Error{Errc::unavailable, "the stream was empty"};
  return bytes * 8 / time.count() / 1e9;
}

}  // namespace vireo::bench
