// SPDX-License-Identifier: Apache-2.0
#include "fabric/memory/memory_fabric.h"

#include <fmt/format.h>
#include <sys/socket.h>

namespace vireo {
namespace {

Error unknown_port(const PortId& id) {
  return {Errc::not_found, fmt::format("there is no port {}", id)};
}
Error unknown_link(const LinkId& id) {
  return {Errc::not_found, fmt::format("there is no link {}", id)};
}

std::vector<MacAddress> macs_behind(const PortSpec& spec) {
  std::vector<MacAddress> macs{spec.mac};
  for (const Neighbour& other : spec.behind) macs.push_back(other.mac);
  return macs;
}

Result<std::pair<Fd, Fd>> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return system_error("cannot make a port in memory");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

}  // namespace

// A failure that a test ordered for the call.
#define FAIL_IF_ORDERED(call)                 \
  const std::lock_guard lock(world_->mutex_); \
  if (auto ordered = world_->failure(call); ordered) return *ordered

MemoryFabric::MemoryFabric(std::shared_ptr<MemoryWorld> world)
    : info_{"memory", {PortKind::tap, PortKind::packet, PortKind::veth}},
      world_(std::move(world)) {}

Result<void> MemoryFabric::ensure_link(const LinkRequest& link) {
  FAIL_IF_ORDERED("ensure_link");
  world_->links_[link.id] = link;
  return {};
}

Result<void> MemoryFabric::remove_link(const LinkId& id) {
  FAIL_IF_ORDERED("remove_link");
  for (const auto& [port_id, port] : world_->ports_)
    if (port.spec.link == id)
      return Error{Errc::conflict, fmt::format("link {} still has the port {}", id, port_id)};
  world_->links_.erase(id);
  world_->behind_.erase(id);
  return {};
}

Result<PortId> MemoryFabric::prepare(PortKind kind, const Fd*) {
  FAIL_IF_ORDERED("prepare");
  auto [inside, outside] = TRY(socket_pair());
  const PortId id = fmt::format("~memory-{}", ++world_->made_);
  MemoryWorld::Port& port = world_->ports_[id];
  port.spec.id = id;
  port.spec.kind = kind;
  port.inside = std::move(inside);
  port.outside = std::move(outside);
  return id;
}

Result<PortEndpoint> MemoryFabric::bind(const PortId& spare, const PortSpec& spec, GateState gate) {
  FAIL_IF_ORDERED("bind");
  if (!world_->ports_.contains(spec.id)) {
    if (!world_->links_.contains(spec.link)) return unknown_link(spec.link);
    const auto found = world_->ports_.find(spare);
    if (found == world_->ports_.end()) return unknown_port(spare);
    if (!found->second.spec.link.empty())
      return Error{Errc::conflict, fmt::format("{} is not a spare port", spare)};
    if (found->second.spec.kind != spec.kind)
      return Error{Errc::invalid,
                   fmt::format("the spare port {} is of another kind than {}", spare, spec.id)};
    auto node = world_->ports_.extract(found);
    node.key() = spec.id;
    node.mapped().spec = spec;
    world_->ports_.insert(std::move(node));
    // Until it is opened another generation may own these.
    for (const MacAddress& mac : macs_behind(spec))
      world_->behind_[spec.link].try_emplace(mac, spec.id);
  }
  MemoryWorld::Port& port = world_->ports_[spec.id];
  if (gate == GateState::open) TRY(open(port));
  PortEndpoint endpoint{port.spec.kind, {}, {}};
  if (port.spec.kind == PortKind::veth)
    endpoint.interface = port.spec.name;
  else
    endpoint.fd = TRY(port.inside.duplicate());
  return endpoint;
}

Result<void> MemoryFabric::adopt(const PortSpec& port, const std::string&, const Fd&) {
  {
    FAIL_IF_ORDERED("adopt");
    if (world_->ports_.contains(port.id)) return {};
  }
  const PortId spare = TRY(prepare(port.kind, nullptr));
  TRY(bind(spare, port, GateState::blocked));
  return {};
}

Result<void> MemoryFabric::update(const PortSpec& spec) {
  FAIL_IF_ORDERED("update");
  const auto found = world_->ports_.find(spec.id);
  if (found == world_->ports_.end() || found->second.spec.link.empty())
    return unknown_port(spec.id);
  auto& table = world_->behind_[spec.link];
  for (const MacAddress& mac : macs_behind(found->second.spec))
    if (auto entry = table.find(mac); entry != table.end() && entry->second == spec.id)
      table.erase(entry);
  found->second.spec = spec;
  for (const MacAddress& mac : macs_behind(spec)) table.try_emplace(mac, spec.id);
  return {};
}

Result<void> MemoryFabric::open(MemoryWorld::Port& port) {
  for (const MacAddress& mac : macs_behind(port.spec))
    world_->behind_[port.spec.link][mac] = port.spec.id;
  port.gate = GateState::open;
  return {};
}

Result<void> MemoryFabric::set_state(const PortId& id, GateState state) {
  FAIL_IF_ORDERED("set_state");
  const auto found = world_->ports_.find(id);
  if (found == world_->ports_.end() || found->second.spec.link.empty()) return unknown_port(id);
  if (state == GateState::open) return open(found->second);
  found->second.gate = state;
  return {};
}

Result<void> MemoryFabric::swap(const PortId& from, const PortId& to) {
  FAIL_IF_ORDERED("swap");
  const auto next = world_->ports_.find(to);
  if (next == world_->ports_.end() || next->second.spec.link.empty()) return unknown_port(to);
  const auto last = world_->ports_.find(from);
  if (last == world_->ports_.end()) return open(next->second);
  if (last->second.spec.link != next->second.spec.link || from == to)
    return Error{Errc::invalid, fmt::format("{} and {} are not two ports of one link", from, to)};
  for (auto& [mac, owner] : world_->behind_[next->second.spec.link])
    if (owner == from) owner = to;
  last->second.gate = GateState::sending;
  return open(next->second);
}

Result<void> MemoryFabric::unplug(const PortId& id) {
  FAIL_IF_ORDERED("unplug");
  const auto found = world_->ports_.find(id);
  if (found == world_->ports_.end()) return {};
  std::erase_if(world_->behind_[found->second.spec.link],
                [&](const auto& entry) { return entry.second == id; });
  world_->ports_.erase(found);
  return {};
}

Result<std::optional<PortId>> MemoryFabric::reclaim(const PortId& id) {
  const auto kind = [&] {
    const std::lock_guard lock(world_->mutex_);
    const auto found = world_->ports_.find(id);
    return found == world_->ports_.end() ? PortKind::veth : found->second.spec.kind;
  }();
  TRY(unplug(id));
  if (kind != PortKind::tap) return std::optional<PortId>();
  return std::optional<PortId>(TRY(prepare(kind, nullptr)));
}

std::vector<PortCounters> MemoryFabric::counters(std::span<const PortId> ids) {
  const std::lock_guard lock(world_->mutex_);
  std::vector<PortCounters> all;
  for (const PortId& id : ids)
    if (const auto found = world_->ports_.find(id); found != world_->ports_.end()) {
      all.push_back(found->second.counters);
      all.back().id = id;
    }
  return all;
}

Result<FabricState> MemoryFabric::list() {
  FAIL_IF_ORDERED("list");
  FabricState state;
  for (const auto& [id, link] : world_->links_) state.links.push_back(link);
  for (const auto& [id, port] : world_->ports_)
    state.ports.push_back({id, port.spec.link, port.spec.kind, port.gate});
  return state;
}

}  // namespace vireo
