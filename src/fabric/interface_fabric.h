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
  // Once a gate has been open where there are many ports, or after a restart, the descriptor of a
  // tap or packet port is with the instance alone, and whoever holds it for that one:
  // Errc::unavailable, and the port goes on as it is. (Thousands of them would not fit one
  // process.) A failure loses the spare.
  Result<PortEndpoint> bind(const PortId& spare, const PortSpec& port, GateState gate) override;
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
  Result<std::optional<PortId>> reclaim(const PortId& id) override;
  Result<UplinkOffer> check_uplink(const LinkId& id, const Uplink& uplink) override;
  Result<FabricState> list() override;
  void rest() override { reaper_.wake(); }

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
  // To a near end that is new.
  virtual Result<void> attach(Netlink& /*fabric*/, int /*index*/) { return {}; }
  virtual NetlinkBatch far_end(int index, const PortSpec& port) const = 0;
  virtual Result<void> plug(Port& port, const PortSpec& spec, Link& link, GateState gate) = 0;
  virtual Result<void> replug(Port& port, const PortSpec& spec) = 0;  // update()
  virtual Result<void> set_gate(Port& port, GateState state) = 0;
  virtual Result<void> exchange(Port& last, Port& next) = 0;          // swap()
  virtual Result<void> block_for_ever(Port& /*port*/) { return {}; }  // before discard()
  virtual void discard(Port port) = 0;                                // to the reaper
  // Takes the port from its link. True, where taps are reused: its ends may serve another.
  virtual bool release(Port& /*port*/) { return false; }
  virtual bool reuses_taps() const { return false; }
  virtual void forget_links(const std::set<int>& /*interfaces*/) {}  // those that are gone
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
  static SteadyTime now() { return std::chrono::steady_clock::now(); }
  static constexpr std::chrono::milliseconds last_frame{100};  // for a port that is no more
  // Made is a tap in half a millisecond, under the kernel's one lock: with its descriptor here it
  // can serve another. So many descriptors are a small part of what a process may have.
  bool keeps_descriptor(PortKind kind) const {
    return reuses_taps() && kind == PortKind::tap && ports_.size() < 512;
  }
  void opened(Port& port) {
    if (!keeps_descriptor(port.ends.kind)) port.ends.descriptor = Fd();
  }
  Result<PortEndpoint> hand_out(Port& port, const PortSpec& spec, GateState gate) {
    if (gate != GateState::open || keeps_descriptor(spec.kind))
      return endpoint_of(spec.id, port.ends, spec.name);
    return give_endpoint(spec.id, port.ends, spec.name);
  }
  // What one thread needs to make a port. To open a socket in the namespace takes 50 us.
  struct Making {
    int index = 0;
    Netlink fabric;
  };
  Result<Making> begin_making() {
    const std::lock_guard lock(mutex_);
    if (makers_.empty()) makers_.push_back(TRY(Netlink::open(&place_.fabric)));
    Making making{next_index_++, std::move(makers_.back())};
    makers_.pop_back();
    return making;
  }
  Port* bound(const PortId& id) {
    const auto found = ports_.find(id);
    return found == ports_.end() || found->second.link.empty() ? nullptr : &found->second;
  }

  std::vector<Netlink> makers_;  // sockets that nobody uses
};

}  // namespace vireo

#include "fabric/interface_fabric_calls.h"
