// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/echo_prober.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

namespace vireo::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int longest_wait_s = 1;
constexpr size_t request_bytes = 64;  // header and 56 bytes, ping's own number

uint16_t checksum(const std::array<uint8_t, request_bytes>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint16_t word;
    std::memcpy(&word, &bytes[i], 2);
    sum += word;
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

std::array<uint8_t, request_bytes> request(uint16_t sequence) {
  std::array<uint8_t, request_bytes> bytes{};
  icmphdr head{};
  head.type = ICMP_ECHO;
  head.un.echo.id = static_cast<uint16_t>(::getpid());
  head.un.echo.sequence = sequence;
  std::memcpy(bytes.data(), &head, sizeof head);
  head.checksum = checksum(bytes);
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

// What a raw socket gets begins with the IPv4 header.
bool is_reply(const std::array<uint8_t, 256>& bytes, ssize_t size, uint16_t sequence) {
  size_t at = size_t{bytes[0] & 15u} * 4;
  if (size < 0 || static_cast<size_t>(size) < at + sizeof(icmphdr)) return false;
  icmphdr head;
  std::memcpy(&head, &bytes[at], sizeof head);
  return head.type == ICMP_ECHOREPLY && head.un.echo.sequence == sequence &&
         head.un.echo.id == static_cast<uint16_t>(::getpid());
}

}  // namespace

Result<EchoProber> EchoProber::open(const IpAddress& target) {
  Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  const timeval patience{longest_wait_s, 0};
  if (!socket ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
    return system_error("cannot make a raw socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, target.bytes.data(), 4);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return system_error(fmt::format("cannot reach {}", to_string(target)));
  return EchoProber(std::move(socket));
}

Result<double> EchoProber::one() {
  auto bytes = request(++sequence_);
  auto sent = Clock::now();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0)
    return system_error("cannot send an echo request");
  for (auto limit = sent + std::chrono::seconds(longest_wait_s); Clock::now() < limit;) {
    std::array<uint8_t, 256> answer{};
    ssize_t size = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    if (is_reply(answer, size, sequence_))
      return std::chrono::duration<double, std::micro>(Clock::now() - sent).count();
  }
  return Error{Errc::timed_out, "no echo reply came within a second"};
}

Result<std::vector<double>> EchoProber::run(unsigned count, std::chrono::microseconds gap) {
  std::vector<double> times;
  for (unsigned i = 0; i < count; i++) {
    times.push_back(TRY(one()));
    if (gap.count() > 0) std::this_thread::sleep_for(gap);
  }
  return times;
}

}  // namespace vireo::bench
