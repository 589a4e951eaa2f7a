// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/syn_prober.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "host/packet_socket.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_debt = 1ms;
constexpr size_t ip_at = 14, tcp_at = 34;  // Ethernet, then an IPv4 header without options
constexpr uint8_t flag_syn = 2, flag_rst = 4, flag_ack = 16;

int64_t nanoseconds(SteadyTime time) { return time.time_since_epoch().count(); }
int64_t now() { return nanoseconds(std::chrono::steady_clock::now()); }
SteadyTime at(int64_t ns) { return SteadyTime(std::chrono::nanoseconds(ns)); }

// RFC 1071.
uint16_t checksum(std::span<const uint8_t> bytes, uint32_t sum) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// A SYN's sequence number tells when it was sent; the answer acknowledges it.
uint32_t sequence_at(int64_t ns) { return static_cast<uint32_t>(ns / 1000); }
bool is_after(uint32_t sequence, uint32_t other) {
  return static_cast<int32_t>(sequence - other) > 0;
}

uint32_t acknowledged(std::span<const uint8_t> frame) {
  uint32_t number = 0;
  for (size_t i = tcp_at + 8; i < tcp_at + 12; i++) number = number << 8 | frame[i];
  return number - 1;
}

void put16(uint8_t* to, unsigned value) {
  to[0] = static_cast<uint8_t>(value >> 8);
  to[1] = static_cast<uint8_t>(value);
}

std::array<uint8_t, 54> syn_frame(const ProbeTarget& target, const MacAddress& source_mac) {
  std::array<uint8_t, 54> frame{};
  std::copy(target.target_mac.bytes.begin(), target.target_mac.bytes.end(), frame.begin());
  std::copy(source_mac.bytes.begin(), source_mac.bytes.end(), frame.begin() + 6);
  put16(&frame[12], ETH_P_IP);
  frame[ip_at] = 0x45;
  put16(&frame[ip_at + 2], 40);
  frame[ip_at + 8] = 64;
  frame[ip_at + 9] = IPPROTO_TCP;
  std::copy_n(target.source.bytes.begin(), 4, frame.begin() + ip_at + 12);
  std::copy_n(target.target.bytes.begin(), 4, frame.begin() + ip_at + 16);
  put16(&frame[ip_at + 10], checksum(std::span(frame).subspan(ip_at, 20), 0));
  put16(&frame[tcp_at + 2], target.port);
  frame[tcp_at + 12] = 0x50;
  frame[tcp_at + 13] = flag_syn;
  put16(&frame[tcp_at + 14], 65535);
  return frame;
}

// On the steady clock; the kernel stamps by the wall clock.
int64_t arrival_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{}, wall{};
      std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
      ::clock_gettime(CLOCK_REALTIME, &wall);
      int64_t ago = (wall.tv_sec - stamp.tv_sec) * 1'000'000'000 + wall.tv_nsec - stamp.tv_nsec;
      return now() - std::max(ago, int64_t{0});
    }
  return now();
}

}  // namespace

Result<std::unique_ptr<SynProber>> SynProber::open(const ProbeTarget& target) {
  // Protocol 0 first: binding a socket that is hooked already waits for an RCU grace period.
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("cannot make a packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(target.interface.c_str()));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return system_error(fmt::format("cannot bind to {}", target.interface));
  int wanted = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_TIMESTAMPNS, &wanted, sizeof wanted) != 0)
    return system_error("cannot ask for times of arrival");
  MacAddress mac = TRY(interface_mac(socket, target.interface));
  return std::unique_ptr<SynProber>(
      new SynProber(target, std::move(socket), syn_frame(target, mac)));
}

SynProber::SynProber(const ProbeTarget& target, Fd socket, std::array<uint8_t, 54> frame)
    : target_(target), socket_(std::move(socket)), frame_(frame), thread_([this] { run(); }) {}

SynProber::~SynProber() {
  stop_ = true;
  sending_ = true;
  sending_.notify_one();
  thread_.join();
}

void SynProber::run() {
  ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // nanoseconds; 50,000 else
  const sched_param first{1};
  if (target_.punctual) ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &first);
  unsigned port = 1024;
  auto next = std::chrono::steady_clock::now();
  while (!stop_) {
    if (!sending_) {
      sending_.wait(false);
      next = std::chrono::steady_clock::now();
      // What came meanwhile answers an earlier sample.
      for (uint8_t old[256]; ::recv(socket_.get(), old, sizeof old, 0) > 0;) continue;
    }
    port = port >= 65000 ? 1024 : port + 1;
    put16(&frame_[tcp_at], port);
    uint32_t sequence = sequence_at(now());
    put16(&frame_[tcp_at + 4], sequence >> 16);
    put16(&frame_[tcp_at + 6], sequence);
    put16(&frame_[tcp_at + 16], 0);
    uint32_t pseudo = IPPROTO_TCP + 20;
    for (size_t i = ip_at + 12; i < tcp_at; i += 2)
      pseudo += static_cast<uint32_t>(frame_[i] << 8 | frame_[i + 1]);
    put16(&frame_[tcp_at + 16], checksum(std::span(frame_).subspan(tcp_at), pseudo));
    if (::send(socket_.get(), frame_.data(), frame_.size(), 0) > 0) sent_++;
    // Woken late, it sends what it owes, so that the rate holds; not more than that of one stumble.
    next = std::max(next + target_.gap, std::chrono::steady_clock::now() - longest_debt);
    receive_until(next);
  }
}

// Sleeps in between: on a small machine a sender that spins takes the processor from what it times.
void SynProber::receive_until(SteadyTime until) {
  for (;;) {
    auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    pollfd wanted{socket_.get(), POLLIN, 0};
    timespec time{0, std::chrono::nanoseconds(left).count()};
    if (::ppoll(&wanted, 1, &time, nullptr) <= 0) continue;
    receive();
  }
}

// Takes the kernel's time of arrival: this thread may be woken late.
void SynProber::receive() {
  uint8_t in[256];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  iovec part{in, sizeof in};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = ::recvmsg(socket_.get(), &message, 0);
  if (n > 0) take({in, static_cast<size_t>(n)}, arrival_of(message));
}

void SynProber::take(std::span<const uint8_t> frame, int64_t time) {
  bool from_target = frame.size() >= 54 && frame[ip_at + 9] == IPPROTO_TCP &&
                     std::equal(frame.begin() + ip_at + 12, frame.begin() + ip_at + 16,
                                target_.target.bytes.begin());
  if (!from_target) return;
  int64_t none = 0;
  uint8_t flags = frame[tcp_at + 13];
  const bool reset = (flags & flag_rst) != 0;
  const bool accepted = (flags & (flag_syn | flag_ack)) == (flag_syn | flag_ack);
  if (reset) rst_.compare_exchange_strong(none, time);
  if (!(target_.resets ? reset : accepted)) return;
  none = 0;
  own_.compare_exchange_strong(none, time);
  last_ = time;
  int64_t wanted = wanted_;
  none = 0;
  if (wanted != 0 && is_after(acknowledged(frame), sequence_at(wanted)))
    wanted_answer_.compare_exchange_strong(none, time);
}

void SynProber::reset() {
  since_ = now();
  sent_ = 0;
  rst_ = own_ = last_ = 0;
  sending_ = true;
  sending_.notify_one();
}

void SynProber::pause() { sending_ = false; }

SynProber::Answers SynProber::wait_for_answer(SteadyTime deadline) {
  while (own_ == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(200us);
  Answers answers;
  if (rst_ != 0) answers.rst = at(rst_);
  if (own_ != 0) answers.own = at(own_);
  answers.rate = static_cast<double>(sent_) * 1e9 / static_cast<double>(now() - since_);
  return answers;
}

std::optional<SteadyTime> SynProber::answer_to_syn_after(SteadyTime sent, SteadyTime deadline) {
  wanted_answer_ = 0;
  wanted_ = nanoseconds(sent);
  while (wanted_answer_ == 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(200us);
  wanted_ = 0;
  if (wanted_answer_ == 0) return {};
  return at(wanted_answer_);
}

std::optional<SteadyTime> SynProber::last_answer(std::chrono::milliseconds quiet,
                                                 SteadyTime deadline) {
  auto start = std::chrono::steady_clock::now();
  for (auto time = start; time < deadline; time = std::chrono::steady_clock::now()) {
    SteadyTime last = last_ == 0 ? start : at(last_);
    if (time - last > quiet) return last_ == 0 ? std::nullopt : std::optional(at(last_));
    std::this_thread::sleep_for(200us);
  }
  return {};
}

}  // namespace vireo::bench
