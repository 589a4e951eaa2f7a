// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/port_plan.h"

#include <algorithm>
#include <cerrno>

namespace vireo {
namespace {

// fe80::/64 with the modified EUI-64 of the MAC (RFC 4291, appendix A). Set by hand: the kernel
// makes it by itself only when an interface comes up, and ours are up long before.
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

// The bridge itself answers outward ports for these (neighbour suppression), so that nothing is
// flooded to functions. A kernel without IPv6 has no place for IPv6 neighbours.
void enter_neighbours(NetlinkBatch& batch, int bridge, const PortSpec& port) {
  for (const IpPrefix& address : port.addresses)
    batch.add_neighbour(bridge, address.address, port.mac).tolerate(EINVAL);
  for (const Neighbour& other : port.behind)
    batch.add_neighbour(bridge, other.address, other.mac).tolerate(EINVAL);
}

}  // namespace

std::vector<MacAddress> macs_of(const PortSpec& port) {
  std::vector<MacAddress> macs;
  const auto add = [&](const MacAddress& mac) {
    if (!mac.is_zero() && std::ranges::count(macs, mac) == 0) macs.push_back(mac);
  };
  add(port.mac);
  for (const Neighbour& other : port.behind) add(other.mac);
  return macs;
}

NetlinkBatch plan_plug(const NearEnd& near, const PortSpec& port) {
  NetlinkBatch batch;
  batch.change_link({.index = near.index, .master = near.bridge, .mtu = port.mtu});
  batch.change_port(near.index, {.state = BridgePortState::listening,
                                 .learning = port.broadcast,
                                 .flood_unicast = port.outward,
                                 .flood_group = port.broadcast || port.outward,
                                 .suppress_neighbours = !port.broadcast});
  batch.change_link({.index = near.index, .alias = near.alias});
  for (const MacAddress& mac : macs_of(port)) batch.add_forwarding(near.index, mac, true);
  enter_neighbours(batch, near.bridge, port);
  return batch;
}

NetlinkBatch plan_update(const NearEnd& near, const PortSpec& port,
                         const std::vector<MacAddress>& had, bool open) {
  NetlinkBatch batch;
  const std::vector<MacAddress> wanted = macs_of(port);
  for (const MacAddress& mac : had)
    if (std::ranges::count(wanted, mac) == 0) batch.remove_forwarding(near.index, mac);
  for (const MacAddress& mac : wanted) batch.add_forwarding(near.index, mac, !open);
  batch.change_port(near.index,
                    {.flood_unicast = port.outward, .flood_group = port.broadcast || port.outward});
  enter_neighbours(batch, near.bridge, port);
  return batch;
}

NetlinkBatch plan_outward(const NearEnd& near) {
  NetlinkBatch batch;
  batch.change_link({.index = near.index, .up = true, .master = near.bridge, .alias = near.alias});
  batch.change_port(near.index, {
                                    .learning = true,
                                    .flood_unicast = true,
                                    .flood_group = true,
                                });
  return batch;
}

NetlinkBatch plan_open(int index, const std::vector<MacAddress>& behind) {
  NetlinkBatch batch;
  for (const MacAddress& mac : behind) batch.add_forwarding(index, mac, false);
  batch.change_port(index, {.state = BridgePortState::forwarding});
  return batch;
}

NetlinkBatch plan_block(int index) {
  NetlinkBatch batch;
  batch.change_port(index, {.state = BridgePortState::listening});
  return batch;
}

NetlinkBatch plan_swap(int from, int to, const std::vector<MacAddress>& behind) {
  NetlinkBatch batch;
  batch.change_port(to, {.state = BridgePortState::forwarding});
  for (const MacAddress& mac : behind) batch.add_forwarding(to, mac, false);
  batch.change_port(from, {.state = BridgePortState::listening});
  return batch;
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
  for (const Neighbour& other : port.neighbours)
    batch.add_neighbour(index, other.address, other.mac);
  return batch;
}

}  // namespace vireo
