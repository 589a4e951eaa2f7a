// SPDX-License-Identifier: Apache-2.0
#include "host/packet_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

namespace vireo {
namespace {

Result<void> set_packet_option(const Fd& socket, int option, const char* what) {
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_PACKET, option, &on, sizeof on) != 0)
    return system_error(what);
  return {};
}

}  // namespace

Result<Fd> open_packet_socket(int interface) {
  // Protocol 0 here and the real one in bind(): a socket that is bound twice waits 8 ms for RCU.
  Fd made(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return system_error("cannot open a packet socket");
  TRY(set_packet_option(made, PACKET_VNET_HDR, "cannot keep segmentation on a packet socket"));
  TRY(set_packet_option(made, PACKET_IGNORE_OUTGOING, "cannot set up a packet socket"));
  // The default holds three segments of 64 KB.
  const int room = 16 << 20;
  if (::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (::setsockopt(made.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
    ::setsockopt(made.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface;
  if (::bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return system_error("cannot bind a packet socket");
  return made;
}

Result<MacAddress> interface_mac(const Fd& socket, const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
    return system_error(fmt::format("cannot read the MAC address of {}", interface));
  MacAddress mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return mac;
}

}  // namespace vireo
