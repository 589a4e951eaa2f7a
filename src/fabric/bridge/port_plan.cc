// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/port_plan.h"

#include <algorithm>
#include <cerrno>

namespace vireo {
namespace {

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

}  // namespace vireo
