// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/bridge_fabric.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "fabric/bridge/port_plan.h"
#include "fabric/sysctl.h"
#include "host/files.h"
#include "host/namespace.h"

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

BridgeFabric::BridgeFabric(FabricPlace place, Netlink fabric, Netlink host, Netlink reaping)
    // A function that only copies frames moved more over AF_PACKET in batches than over taps in 25
    // of 31 paired rounds (fabric_bench tcp, other work on the machine).
    : info_{"bridge", place.prefer_taps
                          ? std::vector{PortKind::tap, PortKind::packet, PortKind::veth}
                          : std::vector{PortKind::packet, PortKind::tap, PortKind::veth}},
      place_(std::move(place)),
      fabric_(std::move(fabric)),
      host_(std::move(host)),
      next_index_(first_interface_index(place_)),
      reaper_(std::move(reaping), forget_neighbours) {}

BridgeFabric::~BridgeFabric() = default;

Result<std::unique_ptr<BridgeFabric>> BridgeFabric::open(FabricPlace place) {
  TRY(set_network_defaults(place.fabric, fabric_defaults));
  TRY(set_network_defaults(place.ends, ends_defaults));
  Netlink fabric = TRY(Netlink::open(&place.fabric));
  Netlink host = TRY(Netlink::open(&place.host));
  Netlink reaping = TRY(Netlink::open(&place.fabric));
  std::unique_ptr<BridgeFabric> made(
      new BridgeFabric(std::move(place), std::move(fabric), std::move(host), std::move(reaping)));
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
    Link& link = links_[label->link];
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
  Port& port = ports_[label.id];
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

void BridgeFabric::recover_outward(const LinkRow& row, const Label& label, Link& link) {
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

int BridgeFabric::next_index() {
  const std::lock_guard lock(mutex_);
  return next_index_++;
}

HostSupport BridgeFabric::check_host() {
  HostSupport support;
  support.how = "bridge, veth and tap in a network namespace of its own";
  support.needs = {"/dev/net/tun", "network namespaces"};
  if (!exists("/dev/net/tun"))
    support.missing.emplace_back(
        "there is no /dev/net/tun: `modprobe tun`, or pass the device into "
        "this container");
  const Result<Fd> scratch = new_network_namespace();
  if (!scratch) {
    support.missing.push_back(scratch.error().message + ": run as root");
    return support;
  }
  Result<Netlink> netlink = Netlink::open(&*scratch);
  if (!netlink) {
    support.missing.push_back(netlink.error().message);
    return support;
  }
  NetlinkBatch bridge, veth;
  bridge.add_bridge({.name = "check", .mac = {{2, 0, 0, 0, 0, 1}}});
  veth.add_veth({.name = "near"}, {.name = "far"}, 1500);
  if (const auto made = netlink->commit(bridge); !made)
    support.missing.push_back(made.error().message + ": `modprobe bridge`");
  if (const auto made = netlink->commit(veth); !made)
    support.missing.push_back(made.error().message + ": `modprobe veth`");
  support.possible = support.missing.empty();
  return support;
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

// A tap goes with its last descriptor and a veth with the instance's namespace, without a word to
// us.
Result<void> BridgeFabric::forget_gone() {
  std::set<int> there;
  for (const LinkRow& row : TRY(fabric_.links())) there.insert(row.index);
  for (auto port = ports_.begin(); port != ports_.end();) {
    if (there.contains(port->second.ends.index)) {
      ++port;
      continue;
    }
    discard(std::move(port->second));
    port = ports_.erase(port);
  }
  std::erase_if(links_, [&](const auto& link) { return !there.contains(link.second.bridge); });
  return {};
}

Result<FabricState> BridgeFabric::list() {
  const std::lock_guard lock(mutex_);
  TRY(forget_gone());
  FabricState state;
  for (const auto& [id, link] : links_) state.links.push_back(link.request);
  for (const auto& [id, port] : ports_)
    state.ports.push_back({id, port.link, port.ends.kind, port.gate});
  return state;
}

}  // namespace vireo
