// SPDX-License-Identifier: Apache-2.0
// What the fabrics of the kernel's interfaces have in common: spares that become ports, their life,
// and what is asked before it is done. How frames get from one to the other is the derived class's.
//
// `Port` has `SparePort ends` and `LinkId link` ("" for a spare); `Link` has `LinkRequest request`.
#pragma once
#include <fmt/format.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/rollback.h"
#include "fabric/fabric.h"
#include "fabric/host_end.h"
#include "fabric/labels.h"
#include "fabric/place.h"
#include "fabric/reaper.h"
#include "fabric/spare_port.h"
#include "fabric/uplink.h"
#include "host/netlink.h"

namespace vireo {

// The sockets of a fabric, after its namespaces have got their settings.
struct FabricSockets {
  Netlink fabric, host, reaping;
  static Result<FabricSockets> open(const FabricPlace& place);
};

// What a fabric of the kernel's interfaces needs: `needs` beside a tap device and namespaces.
// `trial` tries that out in an empty namespace and says what is missing.
using FabricTrial = std::function<void(const Fd& scratch, std::vector<std::string>& missing)>;
HostSupport support_of(std::string how, const std::vector<std::string>& needs,
                       const FabricTrial& trial);

template <class Port, class Link>
class InterfaceFabric : public Fabric {
 public:
  const FabricInfo& info() const override { return info_; }
  Result<PortId> prepare(PortKind kind, const Fd* network_namespace) override;
  // After a restart the descriptor of a tap or packet port is with the keeper alone:
  // Errc::unavailable, and the port goes on as it is. A failure loses the spare.
  Result<PortEndpoint> bind(const PortId& spare, const PortSpec& port) override;
  // The interface belongs to the fabric from then on: unplug() removes it.
  Result<void> adopt(const PortSpec& port, const std::string& interface,
                     const Fd& network_namespace) override;
  // A veth port that an earlier daemon made cannot be told of gateways and neighbours:
  // Errc::unavailable, after all that the fabric itself must know has been changed.
  Result<void> update(const PortSpec& port) override;
  Result<void> set_state(const PortId& id, GateState state) override;
  // `from` gone: opens `to`.
  Result<void> swap(const PortId& from, const PortId& to) override;
  Result<void> unplug(const PortId& id) override;
  Result<UplinkOffer> check_uplink(const LinkId& id, const Uplink& uplink) override;
  Result<FabricState> list() override;

 protected:
  InterfaceFabric(std::string name, FabricPlace place, FabricSockets sockets,
                  Reaper::Before before_removal = {})
      // A function that only copies frames moved more over AF_PACKET in batches than over taps in
      // 25 of 31 paired rounds (fabric_bench tcp, other work on the machine).
      : info_{std::move(name), place.prefer_taps
                                   ? std::vector{PortKind::tap, PortKind::packet, PortKind::veth}
                                   : std::vector{PortKind::packet, PortKind::tap, PortKind::veth}},
        place_(std::move(place)),
        fabric_(std::move(sockets.fabric)),
        host_(std::move(sockets.host)),
        next_index_(first_interface_index(place_)),
        reaper_(std::move(sockets.reaping), std::move(before_removal)) {}

  // All of these with the mutex held, but attach().
  virtual Result<void> attach(int /*index*/) { return {}; }  // to a near end that is new
  virtual NetlinkBatch far_end(int index, const PortSpec& port) const = 0;
  virtual Result<void> plug(Port& port, const PortSpec& spec, Link& link) = 0;  // blocked
  virtual Result<void> replug(Port& port, const PortSpec& spec) = 0;            // update()
  virtual Result<void> set_gate(Port& port, GateState state) = 0;
  virtual Result<void> exchange(Port& last, Port& next) = 0;          // swap()
  virtual Result<void> block_for_ever(Port& /*port*/) { return {}; }  // before discard()
  virtual void discard(Port port) = 0;                                // to the reaper
  virtual void forget_links(const std::set<int>& /*interfaces*/) {}   // those that are gone
  virtual GateState gate_of(const Port& port) const = 0;

  HostSide host_side() {
    return {&fabric_, &host_, &place_.fabric, &place_.host, place_.state_directory};
  }
  // A tap goes with its last descriptor and a veth with the instance's namespace, without a word
  // to us.
  Result<void> forget_gone();
  // Errc::conflict: the link still has ports.
  Result<void> check_unused(const LinkId& id) const;

  FabricInfo info_;
  FabricPlace place_;
  std::mutex mutex_;  // guards all below
  Netlink fabric_;
  Netlink host_;
  std::map<LinkId, Link> links_;
  std::map<PortId, Port> ports_;
  int next_index_ = 0;
  Reaper reaper_;

 private:
  int take_index() {
    const std::lock_guard lock(mutex_);
    return next_index_++;
  }
  Port* bound(const PortId& id) {
    const auto found = ports_.find(id);
    return found == ports_.end() || found->second.link.empty() ? nullptr : &found->second;
  }
};

template <class Port, class Link>
Result<PortId> InterfaceFabric<Port, Link>::prepare(PortKind kind, const Fd* network_namespace) {
  if (kind == PortKind::veth && network_namespace == nullptr)
    return Error{Errc::invalid, "a veth port needs the network namespace of its instance"};
  const int index = take_index();
  const PortId id = fmt::format("~port-{}", index);
  const SpareRequest request{
      kind,           index,        TRY(label_text({.role = Role::spare, .kind = kind, .id = id})),
      &place_.fabric, &place_.ends, network_namespace};
  SparePort made = TRY_IN("prepare a port", make_spare_port(request));
  Rollback undo([&] { reaper_.add({index, 0, std::move(made.descriptor)}); });
  TRY_IN("prepare a port", attach(index));
  undo.dismiss();
  const std::lock_guard lock(mutex_);
  ports_[id].ends = std::move(made);
  return id;
}

template <class Port, class Link>
Result<PortEndpoint> InterfaceFabric<Port, Link>::bind(const PortId& spare, const PortSpec& spec) {
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
  TRY_IN("bind " + spec.id, plug(port, spec, link->second));
  PortEndpoint endpoint = TRY(endpoint_of(spec.id, port.ends, spec.name));
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
  TRY_IN("adopt " + interface, attach(port.ends.index));
  TRY_IN("adopt " + interface, plug(port, spec, link->second));
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
