// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/lossy_link_testing.h"

#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "vnf/checksum.h"

namespace vireo::vnf::tcp::testing {

namespace {

Packet packet_of(std::string& frame) {
  Packet packet{};
  packet.vnet = reinterpret_cast<VirtioNetHeader*>(frame.data());
  packet.data = reinterpret_cast<uint8_t*>(frame.data()) + sizeof(VirtioNetHeader);
  packet.length = static_cast<uint32_t>(frame.size() - sizeof(VirtioNetHeader));
  return packet;
}

// The piece of a large segment that begins `from` bytes into its payload.
std::string piece_of(const std::string& whole, const Headers& h, uint32_t from, uint32_t bytes) {
  const uint32_t headers = h.transport_offset + h.tcp().header_length();
  const size_t begin = sizeof(VirtioNetHeader) + headers;
  std::string piece = whole.substr(0, begin) + whole.substr(begin + from, bytes);
  const Packet packet = packet_of(piece);
  packet.vnet->gso_type = vnet_gso_none;
  packet.vnet->gso_size = 0;
  const Ipv4 ip4{packet.data + h.network_offset};
  const Ipv6 ip6{packet.data + h.network_offset};
  const uint32_t datagram = headers - h.network_offset + bytes;
  if (h.network == Network::ipv4) {
    ip4.set_total_length(static_cast<uint16_t>(datagram));
    ip4.set_checksum(ipv4_checksum(ip4));
  } else {
    ip6.set_payload_length(static_cast<uint16_t>(datagram - ipv6_bytes));
  }
  const Tcp tcp{packet.data + h.transport_offset};
  tcp.set_sequence(tcp.sequence() + from);
  if (from + bytes < h.end - headers)
    tcp.set_flags(static_cast<uint8_t>(tcp.flags() & ~(Tcp::fin | Tcp::psh)));
  return piece;
}

// With whole checksums. A frame that is no large segment is its only piece.
std::vector<std::string> cut(std::string frame) {
  std::vector<std::string> pieces;
  Headers h;
  const Packet packet = packet_of(frame);
  if (parse(packet, h) && h.transport == Transport::tcp && packet.vnet->gso_size != 0) {
    const uint32_t payload = h.transport_bytes() - h.tcp().header_length();
    for (uint32_t from = 0; from < payload; from += packet.vnet->gso_size)
      pieces.push_back(
          piece_of(frame, h, from, std::min<uint32_t>(packet.vnet->gso_size, payload - from)));
  } else {
    pieces.push_back(std::move(frame));
  }
  for (std::string& piece : pieces) {
    Packet done = packet_of(piece);
    if (parse(done, h)) finish_transport_checksum(done, h);
  }
  return pieces;
}

}  // namespace

Result<std::unique_ptr<LossyLink>> LossyLink::make(int tap, LinkFaults faults, uint64_t seed) {
  if (::ioctl(tap, TUNSETOFFLOAD, 0) < 0) return system_error("cannot take a tap's offloads");
  return std::unique_ptr<LossyLink>(new LossyLink(tap, faults, seed));
}

Result<std::unique_ptr<LossyLink>> LossyLink::start(int tap, LinkFaults faults, uint64_t seed) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return system_error("cannot make a pair of sockets");
  Fd near(ends[0]), far(ends[1]);
  auto link = TRY(make(tap, faults, seed));
  const int room = 4 << 20;
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  link->near_end_ = std::move(near);
  link->far_ = std::move(far);
  link->begin(ends[0]);
  return link;
}

Result<std::unique_ptr<LossyLink>> LossyLink::start_between(int tap, int other_tap,
                                                            LinkFaults faults, uint64_t seed) {
  if (::ioctl(other_tap, TUNSETOFFLOAD, 0) < 0) return system_error("cannot take a tap's offloads");
  auto link = TRY(make(tap, faults, seed));
  link->begin(other_tap);
  return link;
}

LossyLink::~LossyLink() {
  stop_ = true;
  thread_.join();
}

void LossyLink::run() {
  while (!stop_) {
    pollfd fds[] = {{tap_, POLLIN, 0}, {near_, POLLIN, 0}};
    if (::poll(fds, 2, 10) <= 0) continue;
    if ((fds[0].revents & POLLIN) != 0) pass(tap_, near_, late_[0]);
    if ((fds[1].revents & POLLIN) != 0) pass(near_, tap_, late_[1]);
  }
}

void LossyLink::pass(int from, int to, std::string& late) {
  std::string frame(1 << 17, 0);
  const ssize_t got = ::read(from, frame.data(), frame.size());
  if (got <= 0) return;
  frame.resize(static_cast<size_t>(got));
  for (std::string& piece : cut(std::move(frame))) throw_dice(std::move(piece), to, late);
}

void LossyLink::throw_dice(std::string frame, int to, std::string& late) {
  if (chance(faults_.loss)) {
    changed_++;
    return;
  }
  if (late.empty() && chance(faults_.reordering)) {
    changed_++;
    late = std::move(frame);
    return;
  }
  put(to, frame);
  if (chance(faults_.doubling)) {
    changed_++;
    put(to, frame);
  }
  // A late frame is overtaken by a few, not by one only: it looks like a lost one.
  if (!late.empty() && chance(0.25)) put(to, std::exchange(late, {}));
}

void LossyLink::put(int to, const std::string& frame) {
  // A tap is no socket, and never full.
  const bool tap = to == tap_ || far_.get() < 0;
  const ssize_t sent = tap ? ::write(to, frame.data(), frame.size())
                           : ::send(to, frame.data(), frame.size(), MSG_DONTWAIT);
  if (sent < 0) changed_++;
}

}  // namespace vireo::vnf::tcp::testing
