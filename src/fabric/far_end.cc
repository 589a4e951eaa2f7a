// SPDX-License-Identifier: Apache-2.0
#include "fabric/far_end.h"

#include <algorithm>

namespace vireo {

// Set by hand: the kernel makes it by itself only when an interface comes up, and ours are up long
// before.
IpPrefix link_local_of(const MacAddress& mac) {
  IpAddress ip{true, {0xfe, 0x80}};
  ip.bytes[8] = static_cast<uint8_t>(mac.bytes[0] ^ 2);
  ip.bytes[9] = mac.bytes[1];
  ip.bytes[10] = mac.bytes[2];
  ip.bytes[11] = 0xff;
  ip.bytes[12] = 0xfe;
  std::copy_n(mac.bytes.begin() + 3, 3, ip.bytes.begin() + 13);
  return {ip, 64};
}

std::vector<MacAddress> macs_of(const PortSpec& port) {
  std::vector<MacAddress> macs;
  const auto add = [&](const MacAddress& mac) {
    if (!mac.is_zero() && std::ranges::count(macs, mac) == 0) macs.push_back(mac);
  };
  add(port.mac);
  for (const Neighbour& other : port.behind) add(other.mac);
  return macs;
}

NetlinkBatch plan_far_end(int index, const PortSpec& port) {
  NetlinkBatch batch;
  LinkChange change{.index = index, .mtu = port.mtu};
  if (!port.mac.is_zero()) change.mac = port.mac;
  batch.change_link(change);
  for (const IpPrefix& address : port.addresses) {
    batch.add_address(index, address);
    if (address.address.v6) batch.add_local(index, address.address);
  }
  const auto v6 = [](const IpPrefix& prefix) { return prefix.address.v6; };
  if (std::ranges::any_of(port.addresses, v6)) batch.add_address(index, link_local_of(port.mac));
  for (const IpAddress& gateway : port.gateways)
    batch.add_route({.gateway = gateway, .index = index});
  return batch;
}

void add_neighbours(NetlinkBatch& batch, int index, const PortSpec& port) {
  for (const Neighbour& other : port.neighbours)
    batch.add_neighbour(index, other.address, other.mac);
}

}  // namespace vireo
