// SPDX-License-Identifier: Apache-2.0
#include "behaviour/hosts.h"

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sys/uio.h>

#include "host/netlink.h"
#include "host/packet_socket.h"
#include "vnf/resolution.h"

namespace vireo::behaviour {
namespace {

using namespace vnf;

constexpr uint32_t most_bytes = 65536 + 64;

// What a kernel says on a link of its own accord: MLD (RFC 2710, RFC 3810), router discovery.
bool kernel_talk(const Headers& h) {
  if (h.network != Network::ipv6 || h.transport != Transport::icmp6) return false;
  const uint8_t type = h.icmp().type();
  return (type >= 130 && type <= 134) || type == 143;
}

// The address that is asked for, on a port of who shall answer; none for anything else.
AbiPort asked_port(const Headers& h, unsigned port) {
  AbiPort answering{};
  copy_bytes(answering.mac, mac_of_host(port).bytes.data(), 6);
  AbiAddress& asked = answering.addresses[0];
  if (h.network == Network::arp) {
    asked.family = 4;
    copy_bytes(asked.bytes, h.arp().target_address(), 4);
  } else if (h.transport == Transport::icmp6 && h.transport_bytes() >= nd_bytes) {
    asked.family = 6;
    copy_bytes(asked.bytes, h.icmp().target(), 16);
  }
  answering.address_count = asked.family == 0 ? 0 : 1;
  return answering;
}

}  // namespace

MacAddress mac_of_host(unsigned port) { return {{2, 0, 0, 0, 0x0a, static_cast<uint8_t>(port)}}; }
MacAddress mac_of_function(unsigned port) {
  return {{2, 0, 0, 0, 0x0b, static_cast<uint8_t>(port)}};
}

std::string Hosts::near(unsigned port) const { return fmt::format("near{}p{}", serial_, port); }
std::string Hosts::far(unsigned port) const { return fmt::format("far{}p{}", serial_, port); }

Result<Hosts> Hosts::make(unsigned count, unsigned serial) {
  Hosts hosts(serial);
  for (unsigned port = 0; port < count; port++) TRY(hosts.connect(port));
  return hosts;
}

Result<void> Hosts::connect(unsigned port) {
  Netlink netlink = TRY(Netlink::open());
  NetlinkBatch batch;
  batch.add_veth({.name = near(port)}, {.name = far(port), .mac = mac_of_host(port)}, 1500);
  batch.change_link({.name = near(port), .up = true});
  batch.change_link({.name = far(port), .up = true});
  TRY(netlink.commit(batch));
  sockets_.push_back(
      TRY(open_packet_socket(static_cast<int>(::if_nametoindex(far(port).c_str())))));
  return {};
}

Hosts::~Hosts() {
  for (unsigned port = 0; port < count(); port++) {
    auto netlink = Netlink::open();
    const int index = static_cast<int>(::if_nametoindex(far(port).c_str()));
    if (netlink && index > 0) (void)netlink->commit(NetlinkBatch().remove_link(index));
  }
}

Result<void> Hosts::send(unsigned port, const Bytes& frame) {
  VirtioNetHeader vnet{};
  iovec parts[] = {{&vnet, sizeof vnet}, {const_cast<uint8_t*>(frame.data()), frame.size()}};
  if (::writev(sockets_[port].get(), parts, 2) < 0) return system_error("cannot send a frame");
  return {};
}

bool Hosts::answered(unsigned port, const Bytes& frame) {
  testing::Frame copy(frame);
  Packet packet = copy.packet();
  Headers h;
  if (!parse(packet, h) || !answer_resolution(packet, h, asked_port(h, port))) return false;
  return send(port, Bytes(packet.data, packet.data + packet.length)).operator bool();
}

Result<bool> Hosts::take(unsigned port, std::vector<Arrival>& arrivals) {
  VirtioNetHeader vnet{};
  Bytes frame(most_bytes);
  iovec parts[] = {{&vnet, sizeof vnet}, {frame.data(), frame.size()}};
  const ssize_t got = ::readv(sockets_[port].get(), parts, 2);
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0) return system_error("cannot receive a frame");
  frame.resize(static_cast<size_t>(got) - sizeof vnet);
  // The sum that a network card would have completed.
  testing::Frame whole(frame);
  whole.vnet = vnet;
  Packet packet = whole.packet();
  Headers h;
  if (parse(packet, h) && partial_checksum(packet, h)) finish_transport_checksum(packet, h);
  if (kernel_talk(h) || (answers_ && answered(port, frame))) return true;
  arrivals.push_back({port, Bytes(packet.data, packet.data + packet.length)});
  return true;
}

Result<std::vector<Arrival>> Hosts::receive(std::chrono::milliseconds patience) {
  std::vector<pollfd> waits;
  for (const Fd& socket : sockets_) waits.push_back({socket.get(), POLLIN, 0});
  ::poll(waits.data(), waits.size(), static_cast<int>(patience.count()));
  std::vector<Arrival> arrivals;
  for (unsigned port = 0; port < count(); port++)
    while (TRY(take(port, arrivals))) {
    }
  return arrivals;
}

}  // namespace vireo::behaviour
