// SPDX-License-Identifier: Apache-2.0
// What InterfaceFabric does; interface_fabric.h alone includes it.
#pragma once
#include "fabric/interface_fabric.h"

namespace vireo {

template <class Port, class Link>
Result<PortId> InterfaceFabric<Port, Link>::prepare(PortKind kind, const Fd* network_namespace) {
  if (kind == PortKind::veth && network_namespace == nullptr)
    return Error{Errc::invalid, "a veth port needs the network namespace of its instance"};
  Making making = TRY(begin_making());
  const int index = making.index;
  const PortId id = fmt::format("~port-{}", index);
  const SpareRequest request{
      kind,           index,        TRY(label_text({.role = Role::spare, .kind = kind, .id = id})),
      &place_.fabric, &place_.ends, network_namespace};
  SparePort made = TRY_IN("prepare a port", make_spare_port(request, making.fabric));
  Rollback undo([&] { reaper_.add({index, 0, std::move(made.descriptor)}); });
  TRY_IN("prepare a port", attach(making.fabric, index));
  undo.dismiss();
  const std::lock_guard lock(mutex_);
  makers_.push_back(std::move(making.fabric));
  ports_[id].ends = std::move(made);
  return id;
}

template <class Port, class Link>
Result<PortEndpoint> InterfaceFabric<Port, Link>::bind(const PortId& spare, const PortSpec& spec,
                                                       GateState gate) {
  const std::lock_guard lock(mutex_);
  if (const auto there = ports_.find(spec.id); there != ports_.end())
    return endpoint_of(spec.id, there->second.ends, spec.name);
  const auto link = links_.find(spec.link);
  if (link == links_.end()) return unknown_link(spec);
  const auto found = ports_.find(spare);
  if (found == ports_.end()) return unknown_port(spare);
  TRY(check_spare(spare, found->second.ends, !found->second.link.empty(), spec));
  Port port = std::move(found->second);
  ports_.erase(found);
  Rollback undo([&] { discard(std::move(port)); });
  if (spec.kind == PortKind::veth)
    TRY_IN("bind " + spec.id,
           configure_far_end(port.ends, fabric_, spec.name, far_end(port.ends.index, spec)));
  if (port.ends.emptied && now() - *port.ends.emptied < last_frame) drain(port.ends.descriptor);
  TRY_IN("bind " + spec.id, plug(port, spec, link->second, gate));
  PortEndpoint endpoint = TRY(hand_out(port, spec, gate));
  undo.dismiss();
  ports_[spec.id] = std::move(port);
  return endpoint;
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::adopt(const PortSpec& spec, const std::string& interface,
                                                const Fd& network_namespace) {
  const std::lock_guard lock(mutex_);
  if (ports_.contains(spec.id)) return {};
  const auto link = links_.find(spec.link);
  if (link == links_.end()) return unknown_link(spec);
  Port port;
  port.ends.kind = spec.kind;
  port.ends.adopted = true;
  port.ends.index = TRY_IN("adopt " + interface, adopt_interface(fabric_, place_.fabric, interface,
                                                                 network_namespace, next_index_++));
  TRY_IN("adopt " + interface, attach(fabric_, port.ends.index));
  TRY_IN("adopt " + interface, plug(port, spec, link->second, GateState::blocked));
  ports_[spec.id] = std::move(port);
  return {};
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::update(const PortSpec& spec) {
  const std::lock_guard lock(mutex_);
  Port* port = bound(spec.id);
  if (port == nullptr) return unknown_port(spec.id);
  TRY_IN("update " + spec.id, replug(*port, spec));
  if (port->ends.kind != PortKind::veth) return {};
  if (!port->ends.far)
    return Error{Errc::unavailable,
                 fmt::format("port {} was made before a restart: its own stack keeps what it knows",
                             spec.id)};
  return port->ends.far->commit(far_end(port->ends.index, spec));
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::set_state(const PortId& id, GateState state) {
  const std::lock_guard lock(mutex_);
  Port* port = bound(id);
  if (port == nullptr) return unknown_port(id);
  TRY_IN("set the gate of " + id, set_gate(*port, state));
  if (state == GateState::open) opened(*port);
  return {};
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::swap(const PortId& from, const PortId& to) {
  std::unique_lock lock(mutex_);
  Port* next = bound(to);
  if (next == nullptr) return unknown_port(to);
  const auto last = ports_.find(from);
  if (last == ports_.end()) {
    lock.unlock();
    return set_state(to, GateState::open);
  }
  if (last->second.link != next->link || from == to)
    return Error{Errc::invalid, fmt::format("{} and {} are not two ports of one link", from, to)};
  TRY_IN("exchange " + from, exchange(last->second, *next));
  opened(*next);
  return {};
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::unplug(const PortId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end()) return {};
  TRY_IN("unplug " + id, block_for_ever(found->second));
  Port port = std::move(found->second);
  ports_.erase(found);
  discard(std::move(port));
  return {};
}

// What another processor was about to deliver is in the queue soon.
template <class Port, class Link>
Result<std::optional<PortId>> InterfaceFabric<Port, Link>::reclaim(const PortId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end()) return std::optional<PortId>();
  Port port = std::move(found->second);
  ports_.erase(found);
  const PortId spare = fmt::format("~port-{}", port.ends.index);
  const auto label = label_text({.role = Role::spare, .kind = port.ends.kind, .id = spare});
  if (!port.ends.descriptor || port.ends.adopted || !label || !release(port)) {
    discard(std::move(port));
    return std::optional<PortId>();
  }
  drain(port.ends.descriptor);
  reaper_.label(port.ends.index, *label);
  port.ends.emptied = now();
  ports_[spare] = std::move(port);
  return std::optional(spare);
}

template <class Port, class Link>
Result<UplinkOffer> InterfaceFabric<Port, Link>::check_uplink(const LinkId& id,
                                                              const Uplink& uplink) {
  const std::lock_guard lock(mutex_);
  std::vector<LinkRequest> requests;
  for (const auto& [other, link] : links_) requests.push_back(link.request);
  return judge_uplink(host_side(), id, uplink, requests);
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::forget_gone() {
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
  forget_links(there);
  return {};
}

template <class Port, class Link>
Result<void> InterfaceFabric<Port, Link>::check_unused(const LinkId& id) const {
  for (const auto& [port_id, port] : ports_)
    if (port.link == id)
      return Error{Errc::conflict, fmt::format("link {} still has the port {}", id, port_id)};
  return {};
}

template <class Port, class Link>
Result<FabricState> InterfaceFabric<Port, Link>::list() {
  const std::lock_guard lock(mutex_);
  TRY(forget_gone());
  FabricState state;
  for (const auto& [id, link] : links_) state.links.push_back(link.request);
  for (const auto& [id, port] : ports_)
    state.ports.push_back({id, port.link, port.ends.kind, gate_of(port)});
  return state;
}

}  // namespace vireo
