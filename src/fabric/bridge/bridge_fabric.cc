// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/bridge_fabric.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "fabric/bridge/port_plan.h"

namespace vireo {
namespace {

constexpr unsigned forwarding = 3;  // BR_STATE_FORWARDING

// The bridge answers for the neighbours behind a port as long as it is there: those whose MAC is
// still entered for a dead port belong to no other.
void forget_neighbours(Netlink& fabric, const std::vector<Reaper::Remains>& slice) {
  std::set<int> bridges;
  for (const Reaper::Remains& remains : slice)
    if (remains.bridge != 0) bridges.insert(remains.bridge);
  for (const int bridge : bridges) {
    const auto entries = fabric.forwarding(bridge);
    const auto neighbours = fabric.neighbours(bridge);
    if (!entries || !neighbours) continue;
    std::set<MacAddress> gone;
    for (const ForwardingRow& row : *entries)
      if (std::ranges::any_of(slice,
                              [&](const Reaper::Remains& one) { return one.index == row.port; }))
        gone.insert(row.mac);
    NetlinkBatch batch;
    for (const NeighbourRow& row : *neighbours)
      if (gone.contains(row.mac)) batch.remove_neighbour(bridge, row.address);
    if (const auto done = fabric.commit(batch); !done)
      spdlog::warn("fabric: {}", done.error().message);
  }
}

}  // namespace

BridgeFabric::BridgeFabric(FabricPlace place, FabricSockets sockets)
    : InterfaceFabric("bridge", std::move(place), std::move(sockets), forget_neighbours) {
  info_.counts_refused = false;
}

BridgeFabric::~BridgeFabric() = default;

Result<std::unique_ptr<BridgeFabric>> BridgeFabric::open(FabricPlace place) {
  FabricSockets sockets = TRY(FabricSockets::open(place));
  std::unique_ptr<BridgeFabric> made(new BridgeFabric(std::move(place), std::move(sockets)));
  TRY_IN("find links and ports", made->recover());
  return made;
}

bool BridgeFabric::lives_in(const Fd& fabric_namespace) {
  Result<Netlink> netlink = Netlink::open(&fabric_namespace);
  const auto rows = netlink ? netlink->links() : Result<std::vector<LinkRow>>(netlink.error());
  return rows && std::ranges::any_of(*rows, [](const LinkRow& row) {
           const std::optional<Label> label = parse_label(row.alias);
           return label && label->role == Role::link;
         });
}

Result<void> BridgeFabric::recover() {
  const std::vector<LinkRow> rows = TRY(fabric_.links());
  for (const LinkRow& row : rows) {
    next_index_ = std::max(next_index_, row.index + 1);
    const std::optional<Label> label = parse_label(row.alias);
    if (!label || label->role != Role::link) continue;
    BridgeLink& link = links_[label->link];
    link.request = {label->link, row.mtu};
    link.bridge = row.index;
  }
  for (const LinkRow& row : rows) {
    const std::optional<Label> label = parse_label(row.alias);
    // An earlier daemon ended in the middle of making or removing it.
    const bool ours = row.group == fabric_group || row.group == doomed_group;
    if (!label && ours) reaper_.add({row.index, 0, {}});
    if (!label || label->role == Role::link) continue;
    if (label->role == Role::port || label->role == Role::spare) {
      recover_port(row, *label);
      continue;
    }
    const auto link = links_.find(label->link);
    const bool joined = link != links_.end() && row.master == link->second.bridge;
    if (joined || (link != links_.end() && label->role == Role::uplink))
      recover_outward(row, *label, link->second);
    else if (label->role != Role::uplink)  // its link has gone before it
      reaper_.add({row.index, 0, {}});
  }
  return {};
}

void BridgeFabric::recover_port(const LinkRow& row, const Label& label) {
  BridgePort& port = ports_[label.id];
  port.ends.kind = label.kind;
  port.ends.index = row.index;
  port.link = label.link;
  port.bridge = row.master;
  const bool open = row.port_state == forwarding && !row.port_locked;
  port.gate = open ? GateState::open : GateState::blocked;
  port.flooding = {row.floods_unicast, row.floods_group};
  if (!label.mac.is_zero()) port.macs = {label.mac};
  port.ends.found = port.found_macs = true;
}

void BridgeFabric::recover_outward(const LinkRow& row, const Label& label, BridgeLink& link) {
  if (label.role == Role::host) {
    link.host = {row.index, label.id};
    const Result<LinkRow> far = host_.link(label.id);
    if (!far) return;
    link.request.host_mac = far->mac;
    if (auto addresses = host_.addresses(far->index))
      link.request.host_addresses = *std::move(addresses);
    return;
  }
  link.uplink_index = row.index;
  link.request.uplink = Uplink{label.id, label.taken};
}

HostSupport BridgeFabric::check_host() {
  const auto trial = [](const Fd& scratch, std::vector<std::string>& missing) {
    Result<Netlink> netlink = Netlink::open(&scratch);
    if (!netlink) return missing.push_back(netlink.error().message);
    NetlinkBatch bridge, veth;
    bridge.add_bridge({.name = "check", .mac = {{2, 0, 0, 0, 0, 1}}});
    veth.add_veth({.name = "near"}, {.name = "far"}, 1500);
    if (const auto made = netlink->commit(bridge); !made)
      missing.push_back(made.error().message + ": `modprobe bridge`");
    if (const auto made = netlink->commit(veth); !made)
      missing.push_back(made.error().message + ": `modprobe veth`");
  };
  return support_of("bridge, veth and tap in a network namespace of its own", {}, trial);
}

std::vector<PortCounters> BridgeFabric::counters(std::span<const PortId> ids) {
  const std::lock_guard lock(mutex_);
  std::map<int, LinkCounters> by_index;
  if (const auto rows = fabric_.links())
    for (const LinkRow& row : *rows) by_index[row.index] = row.counters;
  std::vector<PortCounters> all;
  for (const PortId& id : ids) {
    const auto port = ports_.find(id);
    if (port == ports_.end()) continue;
    const auto row = by_index.find(port->second.ends.index);
    if (row == by_index.end()) continue;
    // What the near end sent is what the function received.
    const LinkCounters& near = row->second;
    all.push_back({id, near.tx_packets, near.tx_bytes, near.tx_dropped, near.rx_packets,
                   near.rx_bytes, near.rx_dropped});
  }
  return all;
}

void BridgeFabric::forget_links(const std::set<int>& interfaces) {
  std::erase_if(links_, [&](const auto& link) { return !interfaces.contains(link.second.bridge); });
}

}  // namespace vireo
