// SPDX-License-Identifier: Apache-2.0
// The ports of BridgeFabric: spare, bound, open, exchanged, unplugged.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/rollback.h"
#include "fabric/bridge/bridge_fabric.h"
#include "fabric/bridge/port_plan.h"

namespace vireo {
namespace {

Result<std::string> port_alias(const PortSpec& spec) {
  return label_text({Role::port, spec.kind, false, spec.mac, spec.link, spec.id});
}

// Frames that came in between joining the bridge and closing the gate.
void drain(const Fd& descriptor) {
  char frame[2048];
  while (::read(descriptor.get(), frame, sizeof frame) > 0) {
  }
}

}  // namespace

Result<PortId> BridgeFabric::prepare(PortKind kind, const Fd* network_namespace) {
  if (kind == PortKind::veth && network_namespace == nullptr)
    return Error{Errc::invalid, "a veth port needs the network namespace of its instance"};
  const int index = next_index();
  const PortId id = fmt::format("~port-{}", index);
  SpareRequest request{
      kind,           index,        TRY(label_text({.role = Role::spare, .kind = kind, .id = id})),
      &place_.fabric, &place_.ends, network_namespace};
  SparePort made = TRY_IN("prepare a port", make_spare_port(request));
  const std::lock_guard lock(mutex_);
  ports_[id].ends = std::move(made);
  return id;
}

Result<void> BridgeFabric::plug(Port& port, const PortSpec& spec, const Link& link) {
  const NearEnd near{port.ends.index, link.bridge, TRY(port_alias(spec))};
  TRY(fabric_.commit(plan_plug(near, spec)));
  if (port.ends.descriptor) drain(port.ends.descriptor);
  port.link = spec.link;
  port.bridge = link.bridge;
  port.gate = GateState::blocked;
  port.macs = macs_of(spec);
  port.flooding = flooding_of(spec);
  port.name = spec.name;
  return {};
}

Result<PortEndpoint> BridgeFabric::bind(const PortId& spare, const PortSpec& spec) {
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
  Rollback undo([&] { discard(std::move(port)); });
  if (spec.kind == PortKind::veth)
    TRY_IN("bind " + spec.id,
           configure_far_end(port.ends, fabric_, spec.name, plan_far_end(port.ends.index, spec)));
  TRY_IN("bind " + spec.id, plug(port, spec, link->second));
  PortEndpoint endpoint = TRY(endpoint_of(spec.id, port.ends, spec.name));
  undo.dismiss();
  ports_[spec.id] = std::move(port);
  return endpoint;
}

Result<void> BridgeFabric::adopt(const PortSpec& spec, const std::string& interface,
                                 const Fd& network_namespace) {
  const std::lock_guard lock(mutex_);
  if (ports_.contains(spec.id)) return {};
  const auto link = links_.find(spec.link);
  if (link == links_.end()) return unknown_link(spec);
  Port port;
  port.ends.kind = spec.kind;
  port.ends.index = TRY_IN("adopt " + interface, adopt_interface(fabric_, place_.fabric, interface,
                                                                 network_namespace, next_index_++));
  TRY_IN("adopt " + interface, plug(port, spec, link->second));
  ports_[spec.id] = std::move(port);
  return {};
}

Result<void> BridgeFabric::update(const PortSpec& spec) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(spec.id);
  if (found == ports_.end() || found->second.link.empty()) return unknown_port(spec.id);
  Port& port = found->second;
  const NearEnd near{port.ends.index, port.bridge, {}};
  const bool open = port.gate == GateState::open;
  const std::vector<MacAddress> wanted = macs_of(spec);
  const std::vector<MacAddress> had = TRY(behind(port));
  TRY_IN("update " + spec.id, fabric_.commit(plan_update(near, spec, had, open)));
  port.macs = wanted;
  port.found_macs = false;
  port.flooding = flooding_of(spec);
  if (port.ends.kind != PortKind::veth) return {};
  if (!port.ends.far)
    return Error{Errc::unavailable,
                 fmt::format("port {} was made before a restart: its own stack keeps what it knows",
                             spec.id)};
  return port.ends.far->commit(plan_far_end(port.ends.index, spec));
}

// After a restart the kernel's own table tells what was entered for the port.
Result<std::vector<MacAddress>> BridgeFabric::behind(const Port& port) {
  std::vector<MacAddress> macs = port.macs;
  if (!port.found_macs) return macs;
  const MacAddress own = TRY(fabric_.link(port.ends.index)).mac;  // of the near end
  for (const ForwardingRow& row : TRY(fabric_.forwarding(port.bridge)))
    if (row.port == port.ends.index && row.mac != own) macs.push_back(row.mac);
  return macs;
}

Result<void> BridgeFabric::set_state(const PortId& id, GateState state) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end() || found->second.link.empty()) return unknown_port(id);
  Port& port = found->second;
  const std::vector<MacAddress> macs = TRY(behind(port));
  const NetlinkBatch batch = state == GateState::open
                                 ? plan_open(port.ends.index, macs, port.flooding)
                                 : plan_block(port.ends.index, macs);
  TRY_IN("set the gate of " + id, fabric_.commit(batch));
  port.gate = state;
  port.macs = macs;  // no longer in the table, where they could be found
  port.found_macs = false;
  return {};
}

Result<void> BridgeFabric::swap(const PortId& from, const PortId& to) {
  std::unique_lock lock(mutex_);
  const auto next = ports_.find(to);
  if (next == ports_.end() || next->second.link.empty()) return unknown_port(to);
  const auto last = ports_.find(from);
  if (last == ports_.end()) {
    lock.unlock();
    return set_state(to, GateState::open);
  }
  if (last->second.bridge != next->second.bridge || from == to)
    return Error{Errc::invalid, fmt::format("{} and {} are not two ports of one link", from, to)};
  std::vector<MacAddress> macs = TRY(behind(last->second));
  for (const MacAddress& mac : TRY(behind(next->second)))
    if (std::ranges::count(macs, mac) == 0) macs.push_back(mac);
  TRY_IN("exchange " + from,
         fabric_.commit(plan_swap(last->second.ends.index, next->second.ends.index, macs,
                                  next->second.flooding)));
  next->second.macs = std::move(macs);
  last->second.macs.clear();
  last->second.gate = GateState::blocked;
  next->second.gate = GateState::open;
  return {};
}

void BridgeFabric::discard(Port port) {
  reaper_.add({port.ends.index, port.bridge, std::move(port.ends.descriptor)});
}

Result<void> BridgeFabric::unplug(const PortId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(id);
  if (found == ports_.end()) return {};
  if (found->second.bridge != 0) {
    // The interface may be gone with its last descriptor, or with the instance's namespace.
    const NetlinkBatch block = plan_block(found->second.ends.index, found->second.macs);
    TRY_IN("unplug " + id, fabric_.commit(block));
  }
  discard(std::move(found->second));
  ports_.erase(found);
  return {};
}

}  // namespace vireo
