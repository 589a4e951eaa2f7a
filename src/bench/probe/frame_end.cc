// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/frame_end.h"

#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bench/probe/lab.h"
#include "host/packet_socket.h"
#include "vnf/checksum.h"

namespace vireo::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t ip_at = 14, udp_at = 34, mark_at = 42;  // Ethernet, IPv4 without options, UDP
constexpr std::array<uint8_t, 4> mark{'v', 'b', 'c', 'h'};
constexpr size_t burst = 32, head_bytes = 64;
constexpr uint64_t window = 256;       // frames on their way; a tap's queue holds 1,000
constexpr int buffer_bytes = 8 << 20;  // of the arriving end: more than a window of large frames
// After such a silence what is on its way is lost; what comes later is counted if there is a later.
constexpr int silence_ms = 50, last_silence_ms = 500;

void put16(uint8_t* to, size_t value) {
  to[0] = static_cast<uint8_t>(value >> 8);
  to[1] = static_cast<uint8_t>(value);
}

// Frames to or from the kernel in one call.
struct Batch {
  std::array<std::vector<uint8_t>, burst> frames;
  std::array<iovec, burst> parts{};
  std::array<mmsghdr, burst> messages{};

  void point(size_t count) {
    for (size_t i = 0; i < count; i++) {
      parts[i] = {frames[i].data(), frames[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

class Run {
 public:
  Run(const FrameEnd& from, const FrameEnd& to, const Stream& stream)
      : from_(from), to_(to), stream_(stream) {
    for (auto& frame : in_.frames) frame.resize(head_bytes);
  }

  Result<StreamFigures> run() {
    const auto began = Clock::now();
    auto last = began;
    bool more = true;
    while (more || on_way_ > 0) {
      if (more && on_way_ + burst <= window)
        more = TRY(send()) && Clock::now() - began < stream_.duration;
      if (take() > 0)
        last = Clock::now();
      else if ((!more || on_way_ + burst > window) && !await(more ? silence_ms : last_silence_ms))
        on_way_ = 0;
    }
    figures_.seconds = std::chrono::duration<double>(last - began).count();
    return figures_;
  }

 private:
  // False: there is no frame left.
  Result<bool> send() {
    size_t count = 0;
    while (count < burst && stream_.next(out_.frames[count])) count++;
    out_.point(count);
    for (size_t sent = 0; sent < count;) {
      const int now = ::sendmmsg(from_.socket().get(), &out_.messages[sent],
                                 static_cast<unsigned>(count - sent), 0);
      if (now < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
        return system_error("cannot send frames");
      if (now < 0) {
        pollfd room{from_.socket().get(), POLLOUT, 0};
        ::poll(&room, 1, 1);
      }
      sent += now > 0 ? static_cast<size_t>(now) : 0;
    }
    figures_.sent += count;
    on_way_ += count;
    return count == burst;
  }

  size_t take() {
    in_.point(burst);
    const int got =
        ::recvmmsg(to_.socket().get(), in_.messages.data(), burst, MSG_DONTWAIT, nullptr);
    size_t ours = 0;
    for (int i = 0; i < got; i++) {
      const auto& frame = in_.frames[static_cast<size_t>(i)];
      const std::span<const uint8_t> head(frame.data(),
                                          in_.messages[static_cast<size_t>(i)].msg_len);
      if (!is_ours(head)) continue;
      ours++;
      if (stream_.arrived) stream_.arrived(head);
    }
    figures_.arrived += ours;
    on_way_ -= std::min<uint64_t>(on_way_, ours);
    return ours;
  }

  bool await(int limit_ms) const {
    pollfd event{to_.socket().get(), POLLIN, 0};
    return ::poll(&event, 1, limit_ms) > 0;
  }

  const FrameEnd& from_;
  const FrameEnd& to_;
  const Stream& stream_;
  Batch out_, in_;
  uint64_t on_way_ = 0;
  StreamFigures figures_;
};

}  // namespace

std::vector<uint8_t> frame_of(const Datagram& datagram, size_t bytes) {
  std::vector<uint8_t> frame(bytes);
  std::ranges::copy(datagram.to_mac.bytes, frame.begin());
  std::ranges::copy(datagram.from_mac.bytes, frame.begin() + 6);
  put16(&frame[12], ETH_P_IP);
  uint8_t* header = &frame[ip_at];
  header[0] = 0x45;
  put16(header + 2, bytes - ip_at);
  header[8] = 64;
  header[9] = IPPROTO_UDP;
  std::copy_n(datagram.from.bytes.begin(), 4, header + 12);
  std::copy_n(datagram.to.bytes.begin(), 4, header + 16);
  put16(header + 10, vnf::ipv4_checksum({header}));
  put16(&frame[udp_at], datagram.from_port);
  put16(&frame[udp_at + 2], datagram.to_port);
  put16(&frame[udp_at + 4], bytes - udp_at);
  std::ranges::copy(mark, frame.begin() + mark_at);
  return frame;
}

bool is_ours(std::span<const uint8_t> frame) {
  return frame.size() >= mark_at + mark.size() && vnf::load16(&frame[12]) == ETH_P_IP &&
         frame[ip_at] == 0x45 && frame[ip_at + 9] == IPPROTO_UDP &&
         std::equal(mark.begin(), mark.end(), frame.begin() + mark_at);
}

Datagram datagram_of(std::span<const uint8_t> frame) {
  Datagram datagram;
  std::copy_n(frame.begin(), 6, datagram.to_mac.bytes.begin());
  std::copy_n(frame.begin() + 6, 6, datagram.from_mac.bytes.begin());
  std::copy_n(frame.begin() + ip_at + 12, 4, datagram.from.bytes.begin());
  std::copy_n(frame.begin() + ip_at + 16, 4, datagram.to.bytes.begin());
  datagram.from_port = vnf::load16(&frame[udp_at]);
  datagram.to_port = vnf::load16(&frame[udp_at + 2]);
  return datagram;
}

Datagram answer_to(const Datagram& datagram) {
  return {datagram.to_mac, datagram.from_mac, datagram.to,
          datagram.from,   datagram.to_port,  datagram.from_port};
}

Result<FrameEnd> FrameEnd::open(const IpAddress& address) {
  const std::string interface = TRY(interface_with(address));
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("cannot make a packet socket");
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_IP);
  place.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  const int yes = 1;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0 ||
      ::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) !=
          0)
    return system_error(fmt::format("cannot listen to {}", interface));
  const MacAddress mac = TRY(interface_mac(socket, interface));
  return FrameEnd(std::move(socket), mac);
}

Result<StreamFigures> run_stream(const FrameEnd& from, const FrameEnd& to, const Stream& stream) {
  return Run(from, to, stream).run();
}

}  // namespace vireo::bench
