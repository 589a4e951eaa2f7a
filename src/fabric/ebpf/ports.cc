// SPDX-License-Identifier: Apache-2.0
// The ports of EbpfFabric: plugged, open, exchanged.
#include <algorithm>
#include <utility>

#include "fabric/ebpf/ebpf_fabric.h"
#include "fabric/far_end.h"

namespace vireo {
namespace {

constexpr unsigned spare_mtu = 1500;

uint8_t gate_value(GateState state) {
  if (state == GateState::open) return SWITCH_OPEN;
  return state == GateState::sending ? SWITCH_SENDING : SWITCH_BLOCKED;
}

template <class T>
void add_missing(std::vector<T>& to, const std::vector<T>& from) {
  for (const T& each : from)
    if (std::ranges::count(to, each) == 0) to.push_back(each);
}

}  // namespace

// The switch answers for neighbours: to enter them would take a start 10 us each, and again in each
// function when one comes or goes.
NetlinkBatch EbpfFabric::far_end(int index, const PortSpec& port) const {
  return plan_far_end(index, port);
}

Result<void> EbpfFabric::plug(EbpfPort& port, const PortSpec& spec, EbpfLink& link,
                              GateState gate) {
  const int index = port.ends.index;
  SwitchEntry entry = TRY(entry_of(spec, link.number));
  // The other end of an adopted one is whoever's it was: it takes frames as a device does.
  entry.port.peer = spec.kind != PortKind::tap && !port.ends.adopted;
  entry.port.open = gate_value(gate);
  if (spec.mtu != spare_mtu) {
    NetlinkBatch batch;
    TRY(fabric_.commit(batch.change_link({.index = index, .mtu = spec.mtu})));
    port.mtu = spec.mtu;
  }
  entry.port.slot = TRY(tables_.new_slot());
  port.link = spec.link;  // from here on discard() takes back what has been entered
  port.entry = std::move(entry);
  TRY(tables_.enter(index, port.entry, gate == GateState::open));
  reaper_.label(index, port.entry.port.label);
  return set_member(link, index, port.entry.port);
}

Result<void> EbpfFabric::replug(EbpfPort& port, const PortSpec& spec) {
  const int index = port.ends.index;
  EbpfLink& link = links_.at(port.link);
  SwitchEntry now = TRY(entry_of(spec, link.number));
  now.port.open = port.entry.port.open;
  now.port.peer = port.entry.port.peer;
  now.port.slot = port.entry.port.slot;
  TRY(tables_.enter(index, now, now.port.open == SWITCH_OPEN));
  tables_.withdraw(index, port.entry, now);
  port.entry = std::move(now);
  return set_member(link, index, port.entry.port);
}

Result<void> EbpfFabric::set_gate(EbpfPort& port, GateState state) {
  port.entry.port.open = gate_value(state);
  if (state != GateState::open) return tables_.close(port.ends.index, port.entry);
  return tables_.enter(port.ends.index, port.entry, true);
}

Result<void> EbpfFabric::exchange(EbpfPort& last, EbpfPort& next) {
  add_missing(next.entry.macs, last.entry.macs);
  add_missing(next.entry.addresses, last.entry.addresses);
  next.entry.port.open = SWITCH_OPEN;
  last.entry.port.open = SWITCH_SENDING;
  TRY(tables_.enter(next.ends.index, next.entry, true));
  return tables_.close(last.ends.index, last.entry);
}

void EbpfFabric::leave_link(EbpfPort& port) {
  if (const LinkId link = std::exchange(port.link, ""); !link.empty()) {
    tables_.remove(port.ends.index, std::exchange(port.entry, {}));
    if (const auto found = links_.find(link); found != links_.end())
      remove_member(found->second, port.ends.index);
  }
}

bool EbpfFabric::release(EbpfPort& port) {
  leave_link(port);
  if (port.ends.kind != PortKind::tap || port.mtu != spare_mtu) return false;
  const auto row = fabric_.link(port.ends.index);
  if (row) port.overflown = row->counters.tx_dropped;
  return row.has_value();
}

void EbpfFabric::discard(EbpfPort port) {
  leave_link(port);
  reaper_.add({port.ends.index, 0, std::move(port.ends.descriptor)});
}

}  // namespace vireo
