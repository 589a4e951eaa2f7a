// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/ebpf_fabric.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fabric/sysctl.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

EbpfFabric::EbpfFabric(FabricPlace place, SwitchProgram program, Netlink fabric, Netlink host,
                       Netlink reaping)
    : info_{"ebpf", place.prefer_taps
                        ? std::vector{PortKind::tap, PortKind::packet, PortKind::veth}
                        : std::vector{PortKind::packet, PortKind::tap, PortKind::veth}},
      place_(std::move(place)),
      program_(std::move(program)),
      tables_(program_.maps()),
      fabric_(std::move(fabric)),
      host_(std::move(host)),
      next_index_(first_interface_index(place_)),
      reaper_(std::move(reaping)) {}

EbpfFabric::~EbpfFabric() = default;

Result<std::unique_ptr<EbpfFabric>> EbpfFabric::open(FabricPlace place) {
  TRY(set_network_defaults(place.fabric, fabric_defaults));
  TRY(set_network_defaults(place.ends, ends_defaults));
  SwitchProgram program = TRY(SwitchProgram::open(place.fabric));
  Netlink fabric = TRY(Netlink::open(&place.fabric));
  Netlink host = TRY(Netlink::open(&place.host));
  Netlink reaping = TRY(Netlink::open(&place.fabric));
  std::unique_ptr<EbpfFabric> made(new EbpfFabric(std::move(place), std::move(program),
                                                  std::move(fabric), std::move(host),
                                                  std::move(reaping)));
  TRY_IN("find links and ports", made->recover());
  return made;
}

bool EbpfFabric::lives_in(const Fd& fabric_namespace) {
  if (!SwitchProgram::found(fabric_namespace).value_or(false)) return false;
  const Result<SwitchProgram> program = SwitchProgram::open(fabric_namespace);
  return program && !SwitchTables(program->maps()).links().empty();
}

void EbpfFabric::recover_links() {
  for (const auto& [number, row] : tables_.links()) {
    Link& link = links_[row.id];
    link.request = {row.id, row.mtu};
    link.number = number;
    next_link_ = std::max(next_link_, number + 1);
  }
}

// What the tables say of interfaces that are gone is forgotten with them.
Result<void> EbpfFabric::recover() {
  recover_links();
  std::map<int, SwitchEntry> entries = tables_.ports();
  for (const LinkRow& row : TRY(fabric_.links())) {
    next_index_ = std::max(next_index_, row.index + 1);
    TRY(recover_interface(row, entries));
    entries.erase(row.index);
  }
  for (const auto& [index, entry] : entries) tables_.remove(index, entry);
  for (auto& [id, link] : links_) TRY(write_link(link));
  return {};
}

Result<void> EbpfFabric::recover_interface(const LinkRow& row,
                                           std::map<int, SwitchEntry>& entries) {
  const std::optional<Label> label = parse_label(row.alias);
  const auto found = entries.find(row.index);
  SwitchEntry* entry = found == entries.end() ? nullptr : &found->second;
  // An earlier daemon ended in the middle of making or removing it.
  const bool ours = row.group == fabric_group || row.group == doomed_group;
  if (!label && ours && entry == nullptr) reaper_.add({row.index, 0, {}});
  if (!label && entry == nullptr) return {};
  if (program_.renewed()) TRY(program_.attach(place_.fabric, row.index));
  if (label && label->role == Role::port && entry == nullptr) {  // it was unplugged
    reaper_.add({row.index, 0, {}});
    return {};
  }
  if (!label || label->role == Role::spare || label->role == Role::port) {
    recover_port(row, label.value_or(Label{}), entry);
    return {};
  }
  const auto link = links_.find(label->link);
  if (link != links_.end())
    recover_outward(row, *label, link->second, entry);
  else if (label->role != Role::uplink)  // its link has gone before it
    reaper_.add({row.index, 0, {}});
  return {};
}

void EbpfFabric::recover_port(const LinkRow& row, const Label& label, SwitchEntry* entry) {
  const Label bound = entry != nullptr ? parse_label(entry->port.label).value_or(label) : label;
  Port& port = ports_[bound.id];
  port.ends.kind = bound.kind;
  port.ends.index = row.index;
  port.ends.found = true;
  port.link = bound.link;
  if (entry == nullptr) return;
  port.entry = std::move(*entry);
  const auto link = links_.find(bound.link);
  if (link != links_.end() && port.entry.port.broadcast) link->second.members.push_back(row.index);
}

void EbpfFabric::recover_outward(const LinkRow& row, const Label& label, Link& link,
                                 SwitchEntry* entry) {
  Outward& outward = label.role == Role::host ? link.host : link.uplink;
  outward.end = {row.index, label.id};
  if (entry != nullptr) {
    outward.entry = std::move(*entry);
    outward.entered = true;
    link.members.push_back(row.index);
  }
  if (label.role != Role::host) {
    link.request.uplink = Uplink{label.id, label.taken};
    return;
  }
  const Result<LinkRow> far = host_.link(label.id);
  if (!far) return;
  link.request.host_mac = far->mac;
  if (auto addresses = host_.addresses(far->index))
    link.request.host_addresses = *std::move(addresses);
}

int EbpfFabric::next_index() {
  const std::lock_guard lock(mutex_);
  return next_index_++;
}

HostSupport EbpfFabric::check_host() {
  HostSupport support;
  support.how = "an eBPF program on clsact, veth and tap in a network namespace of its own";
  support.needs = {"/dev/net/tun", "network namespaces", "eBPF with bpf_loop (kernel 5.17)"};
  if (!exists("/dev/net/tun"))
    support.missing.emplace_back(
        "there is no /dev/net/tun: `modprobe tun`, or pass the device into "
        "this container");
  const Result<Fd> scratch = new_network_namespace();
  const Result<void> loaded = scratch ? in_network_namespace(*scratch,
                                                             [&]() -> Result<void> {
                                                               TRY(SwitchProgram::open(*scratch));
                                                               return {};
                                                             })
                                      : Result<void>(scratch.error());
  if (!loaded) support.missing.push_back(loaded.error().message);
  if (read_file("/proc/sys/net/core/bpf_jit_enable").value_or("1").starts_with("0"))
    support.advice.emplace_back(
        "the switch program is interpreted, several times slower: `sysctl -w "
        "net.core.bpf_jit_enable=1`");
  support.possible = support.missing.empty();
  return support;
}

std::vector<PortCounters> EbpfFabric::counters(std::span<const PortId> ids) {
  const std::lock_guard lock(mutex_);
  std::map<int, uint64_t> overflown;  // what the queue of a tap had no room for
  if (const auto rows = fabric_.links())
    for (const LinkRow& row : *rows) overflown[row.index] = row.counters.tx_dropped;
  std::vector<PortCounters> all;
  for (const PortId& id : ids) {
    const auto port = ports_.find(id);
    if (port == ports_.end() || port->second.link.empty()) continue;
    const int index = port->second.ends.index;
    const SwitchCounters now = tables_.counters(port->second.entry.port.slot);
    const bool tap = port->second.ends.kind == PortKind::tap;
    const uint64_t lost = tap ? std::min<uint64_t>(overflown[index], now.rx_packets) : 0;
    all.push_back({id, now.rx_packets - lost, now.rx_bytes, now.rx_dropped + lost, now.tx_packets,
                   now.tx_bytes, now.tx_dropped});
  }
  return all;
}

// A tap goes with its last descriptor and a veth with the instance's namespace, without a word to
// us.
Result<void> EbpfFabric::forget_gone() {
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
  return {};
}

Result<FabricState> EbpfFabric::list() {
  const std::lock_guard lock(mutex_);
  TRY(forget_gone());
  FabricState state;
  for (const auto& [id, link] : links_) state.links.push_back(link.request);
  for (const auto& [id, port] : ports_)
    state.ports.push_back({id, port.link, port.ends.kind,
                           port.entry.port.open ? GateState::open : GateState::blocked});
  return state;
}

}  // namespace vireo
