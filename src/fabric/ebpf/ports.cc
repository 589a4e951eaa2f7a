// SPDX-License-Identifier: Apache-2.0
// The ports of EbpfFabric: spare, bound, open, exchanged, unplugged.
#include <fmt/format.h>

#include <algorithm>

#include "base/rollback.h"
#include "fabric/ebpf/ebpf_fabric.h"
#include "fabric/far_end.h"

namespace vireo {
namespace {

constexpr unsigned spare_mtu = 1500;

template <class T>
void add_missing(std::vector<T>& to, const std::vector<T>& from) {
  for (const T& each : from)
    if (std::ranges::count(to, each) == 0) to.push_back(each);
}

// The switch answers for neighbours: to enter them would take a start 10 us each, and again in each
// function when one comes or goes.
NetlinkBatch plan_far_end_alone(int index, PortSpec spec) {
  spec.neighbours.clear();
  return plan_far_end(index, spec);
}

}  // namespace

// With the switch on it: one that is not in its tables passes nothing.
Result<PortId> EbpfFabric::prepare(PortKind kind, const Fd* network_namespace) {
  if (kind == PortKind::veth && network_namespace == nullptr)
    return Error{Errc::invalid, "a veth port needs the network namespace of its instance"};
  const int index = next_index();
  const PortId id = fmt::format("~port-{}", index);
  SpareRequest request{
      kind,           index,        TRY(label_text({.role = Role::spare, .kind = kind, .id = id})),
      &place_.fabric, &place_.ends, network_namespace};
  SparePort made = TRY_IN("prepare a port", make_spare_port(request));
  Rollback undo([&] { reaper_.add({index, 0, std::move(made.descriptor)}); });
  TRY_IN("prepare a port", program_.attach(place_.fabric, index));
  undo.dismiss();
  const std::lock_guard lock(mutex_);
  ports_[id].ends = std::move(made);
  return id;
}

Result<void> EbpfFabric::plug(Port& port, const PortSpec& spec, Link& link, bool peer) {
  const int index = port.ends.index;
  SwitchEntry entry = TRY(entry_of(spec, link.number));
  entry.port.peer = peer;
  if (spec.mtu != spare_mtu) {
    NetlinkBatch batch;
    TRY(fabric_.commit(batch.change_link({.index = index, .mtu = spec.mtu})));
  }
  entry.port.slot = TRY(tables_.new_slot());
  TRY(tables_.enter(index, entry, false));
  port.link = spec.link;
  port.entry = std::move(entry);
  port.name = spec.name;
  reaper_.label(index, port.entry.port.label);
  if (port.entry.port.broadcast) link.members.push_back(index);
  return {};
}

Result<PortEndpoint> EbpfFabric::bind(const PortId& spare, const PortSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (const auto bound = ports_.find(spec.id); bound != ports_.end()) {
    bound->second.name = spec.name;
    return endpoint_of(spec.id, bound->second.ends, spec.name);
  }
  const auto link = links_.find(spec.link);
  if (link == links_.end()) return unknown_link(spec);
  const auto found = ports_.find(spare);
  if (found == ports_.end()) return unknown_port(spare);
  TRY(check_spare(spare, found->second.ends, !found->second.link.empty(), spec));
  Port port = std::move(found->second);
  ports_.erase(found);
  const int index = port.ends.index;
  Rollback undo([&] { discard(std::move(port)); });
  if (spec.kind == PortKind::veth)
    TRY_IN("bind " + spec.id,
           configure_far_end(port.ends, fabric_, spec.name, plan_far_end_alone(index, spec)));
  TRY_IN("bind " + spec.id, plug(port, spec, link->second, spec.kind != PortKind::tap));
  PortEndpoint endpoint = TRY(endpoint_of(spec.id, port.ends, spec.name));
  undo.dismiss();
  const bool member = port.entry.port.broadcast;
  ports_[spec.id] = std::move(port);
  if (member) TRY(write_link(link->second));
  return endpoint;
}

Result<void> EbpfFabric::adopt(const PortSpec& spec, const std::string& interface,
                               const Fd& network_namespace) {
  const std::lock_guard lock(mutex_);
  if (ports_.contains(spec.id)) return {};
  const auto link = links_.find(spec.link);
  if (link == links_.end()) return unknown_link(spec);
  Port port;
  port.ends.kind = spec.kind;
  port.ends.index = TRY_IN("adopt " + interface, adopt_interface(fabric_, place_.fabric, interface,
                                                                 network_namespace, next_index_++));
  TRY_IN("adopt " + interface, program_.attach(place_.fabric, port.ends.index));
  // Its other end is whoever's it was: it takes frames as a device does.
  TRY_IN("adopt " + interface, plug(port, spec, link->second, false));
  ports_[spec.id] = std::move(port);
  return write_link(link->second);
}

Result<void> EbpfFabric::update(const PortSpec& spec) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(spec.id);
  if (found == ports_.end() || found->second.link.empty()) return unknown_port(spec.id);
  Port& port = found->second;
  Link& link = links_.at(port.link);
  const int index = port.ends.index;
  SwitchEntry now = TRY(entry_of(spec, link.number));
  now.port.open = port.entry.port.open;
  now.port.peer = port.entry.port.peer;
  now.port.slot = port.entry.port.slot;
  TRY_IN("update " + spec.id, tables_.enter(index, now, now.port.open));
  tables_.withdraw(index, port.entry, now);
  port.entry = std::move(now);
  if (port.entry.port.broadcast)
    TRY(add_member(link, index));
  else
    remove_member(link, index);
  if (port.ends.kind != PortKind::veth) return {};
  if (!port.ends.far)
    return Error{Errc::unavailable,
                 fmt::format("port {} was made before a restart: its own stack keeps what it knows",
                             spec.id)};
  return port.ends.far->commit(plan_far_end_alone(index, spec));
}

Result<void> EbpfFabric::set_state(const PortId& id, GateState state) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end() || found->second.link.empty()) return unknown_port(id);
  Port& port = found->second;
  port.entry.port.open = state == GateState::open;
  if (state == GateState::blocked) return tables_.close(port.ends.index, port.entry);
  TRY_IN("open the gate of " + id, tables_.enter(port.ends.index, port.entry, true));
  return {};
}

Result<void> EbpfFabric::swap(const PortId& from, const PortId& to) {
  std::unique_lock lock(mutex_);
  const auto next = ports_.find(to);
  if (next == ports_.end() || next->second.link.empty()) return unknown_port(to);
  const auto last = ports_.find(from);
  if (last == ports_.end()) {
    lock.unlock();
    return set_state(to, GateState::open);
  }
  if (last->second.link != next->second.link || from == to)
    return Error{Errc::invalid, fmt::format("{} and {} are not two ports of one link", from, to)};
  SwitchEntry &old = last->second.entry, &fresh = next->second.entry;
  add_missing(fresh.macs, old.macs);
  add_missing(fresh.addresses, old.addresses);
  fresh.port.open = 1;
  old.port.open = 0;
  TRY_IN("exchange " + from, tables_.enter(next->second.ends.index, fresh, true));
  return tables_.close(last->second.ends.index, old);
}

void EbpfFabric::discard(Port port) {
  if (!port.link.empty()) {
    tables_.remove(port.ends.index, port.entry);
    if (const auto link = links_.find(port.link); link != links_.end())
      remove_member(link->second, port.ends.index);
  }
  reaper_.add({port.ends.index, 0, std::move(port.ends.descriptor)});
}

Result<void> EbpfFabric::unplug(const PortId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end()) return {};
  Port port = std::move(found->second);
  ports_.erase(found);
  discard(std::move(port));
  return {};
}

}  // namespace vireo
