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

constexpr BridgePortChange closed_gate{.state = BridgePortState::listening,
                                       .flood_unicast = false,
                                       .flood_group = false,
                                       .locked = true};

BridgePortChange open_gate(const Flooding& flooding) {
  return {.state = BridgePortState::forwarding,
          .flood_unicast = flooding.unicast,
          .flood_group = flooding.group,
          .locked = false};
}

void tolerate_absence(NetlinkBatch& batch) {
  batch.tolerate(ENODEV).tolerate(ENETDOWN).tolerate(EINVAL).tolerate(EOPNOTSUPP);
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

Flooding flooding_of(const PortSpec& port) {
  return {port.outward, port.broadcast || port.outward};
}

NetlinkBatch plan_plug(const NearEnd& near, const PortSpec& port) {
  NetlinkBatch batch;
  batch.change_link({.index = near.index, .master = near.bridge, .mtu = port.mtu});
  batch.change_port(near.index, {.state = BridgePortState::listening,
                                 .learning = port.broadcast,
                                 .flood_unicast = false,
                                 .flood_group = false,
                                 .suppress_neighbours = !port.broadcast,
                                 .locked = true});
  batch.change_link({.index = near.index, .alias = near.alias});
  for (const MacAddress& mac : macs_of(port)) batch.reserve_forwarding(near.index, mac);
  enter_neighbours(batch, near.bridge, port);
  return batch;
}

NetlinkBatch plan_update(const NearEnd& near, const PortSpec& port,
                         const std::vector<MacAddress>& had, bool open) {
  NetlinkBatch batch;
  const std::vector<MacAddress> wanted = macs_of(port);
  for (const MacAddress& mac : had)
    if (std::ranges::count(wanted, mac) == 0) batch.remove_forwarding(near.index, mac);
  if (!open)
    for (const MacAddress& mac : wanted) batch.reserve_forwarding(near.index, mac);
  if (open) {
    for (const MacAddress& mac : wanted) batch.add_forwarding(near.index, mac);
    const Flooding flooding = flooding_of(port);
    batch.change_port(near.index,
                      {.flood_unicast = flooding.unicast, .flood_group = flooding.group});
  }
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

NetlinkBatch plan_open(int index, const std::vector<MacAddress>& behind, const Flooding& flooding) {
  NetlinkBatch batch;
  for (const MacAddress& mac : behind) batch.add_forwarding(index, mac);
  batch.change_port(index, open_gate(flooding));
  return batch;
}

NetlinkBatch plan_block(int index, const std::vector<MacAddress>& behind) {
  NetlinkBatch batch;
  batch.change_port(index, closed_gate);
  tolerate_absence(batch);
  for (const MacAddress& mac : behind) {
    tolerate_absence(batch.remove_forwarding(index, mac));
    tolerate_absence(batch.reserve_forwarding(index, mac));
  }
  return batch;
}

NetlinkBatch plan_swap(int from, int to, const std::vector<MacAddress>& behind,
                       const Flooding& flooding) {
  NetlinkBatch batch;
  batch.change_port(to, open_gate(flooding));
  for (const MacAddress& mac : behind) batch.add_forwarding(to, mac);
  batch.change_port(from, closed_gate);
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
