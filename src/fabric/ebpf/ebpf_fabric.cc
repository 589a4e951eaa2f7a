// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/ebpf_fabric.h"

#include <algorithm>

#include "fabric/sysctl.h"
#include "host/files.h"

namespace vireo {

EbpfFabric::EbpfFabric(FabricPlace place, SwitchProgram program, FabricSockets sockets)
    : InterfaceFabric("ebpf", std::move(place), std::move(sockets)),
      program_(std::move(program)),
      tables_(program_.maps()) {}

EbpfFabric::~EbpfFabric() = default;

Result<std::unique_ptr<EbpfFabric>> EbpfFabric::open(FabricPlace place) {
  SwitchProgram program = TRY(SwitchProgram::open(place.fabric));
  FabricSockets sockets = TRY(FabricSockets::open(place));
  TRY(set_network_defaults(place.fabric, switch_defaults));
  std::unique_ptr<EbpfFabric> made(
      new EbpfFabric(std::move(place), std::move(program), std::move(sockets)));
  TRY_IN("find links and ports", made->recover());
  return made;
}

bool EbpfFabric::lives_in(const Fd& fabric_namespace) {
  return SwitchProgram::has_links(fabric_namespace).value_or(false);
}

void EbpfFabric::recover_links() {
  for (const auto& [number, row] : tables_.links()) {
    EbpfLink& link = links_[row.id];
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
  if (program_.renewed()) TRY(attach(fabric_, row.index));
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
  EbpfPort& port = ports_[bound.id];
  port.ends.kind = bound.kind;
  port.ends.index = row.index;
  port.ends.found = true;
  port.link = bound.link;
  if (entry == nullptr) return;
  port.entry = std::move(*entry);
  const auto link = links_.find(bound.link);
  if (link != links_.end() && port.entry.port.broadcast)
    link->second.members[row.index] = port.entry.port.outward;
}

void EbpfFabric::recover_outward(const LinkRow& row, const Label& label, EbpfLink& link,
                                 SwitchEntry* entry) {
  EbpfOutward& outward = label.role == Role::host ? link.host : link.uplink;
  outward.end = {row.index, label.id};
  if (entry != nullptr) {
    outward.entry = std::move(*entry);
    link.members[row.index] = outward.entry.port.outward;
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

HostSupport EbpfFabric::check_host() {
  const auto trial = [](const Fd& scratch, std::vector<std::string>& missing) {
    if (const auto loaded = SwitchProgram::open(scratch); !loaded)
      missing.push_back(loaded.error().message);
  };
  HostSupport support =
      support_of("an eBPF program on clsact, veth and tap in a network namespace of its own",
                 {"eBPF with bpf_loop (kernel 5.17)"}, trial);
  if (read_file("/proc/sys/net/core/bpf_jit_enable").value_or("1").starts_with("0"))
    support.advice.emplace_back(
        "the switch program is interpreted, several times slower: `sysctl -w "
        "net.core.bpf_jit_enable=1`");
  return support;
}

// Of taps alone: what their queues had no room for. A row of the kernel's list of all interfaces
// takes a fifth of a question for one.
std::map<int, uint64_t> EbpfFabric::overflows(std::span<const PortId> ids) {
  constexpr size_t rows_a_question = 5;
  std::map<int, uint64_t> taps;  // and what counts for ports before
  for (const PortId& id : ids)
    if (const auto port = ports_.find(id);
        port != ports_.end() && port->second.ends.kind == PortKind::tap)
      taps[port->second.ends.index] = port->second.overflown;
  std::map<int, uint64_t> lost;
  if (taps.size() * rows_a_question < ports_.size()) {
    for (const auto& [index, before] : taps)
      if (const auto row = fabric_.link(index)) lost[index] = row->counters.tx_dropped - before;
  } else if (!taps.empty()) {
    if (const auto rows = fabric_.links())
      for (const LinkRow& row : *rows)
        if (const auto tap = taps.find(row.index); tap != taps.end())
          lost[row.index] = row.counters.tx_dropped - tap->second;
  }
  return lost;
}

std::vector<PortCounters> EbpfFabric::counters(std::span<const PortId> ids) {
  const std::lock_guard lock(mutex_);
  std::map<int, uint64_t> overflown = overflows(ids);
  std::vector<PortCounters> all;
  for (const PortId& id : ids) {
    const auto port = ports_.find(id);
    if (port == ports_.end() || port->second.link.empty()) continue;
    const SwitchCounters now = tables_.counters(port->second.entry.port.slot);
    const uint64_t lost = std::min<uint64_t>(overflown[port->second.ends.index], now.rx_packets);
    all.push_back({id, now.rx_packets - lost, now.rx_bytes, now.rx_dropped + lost, now.tx_packets,
                   now.tx_bytes, now.tx_dropped});
  }
  return all;
}

}  // namespace vireo
