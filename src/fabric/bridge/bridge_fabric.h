// SPDX-License-Identifier: Apache-2.0
// Links are Linux bridges and ports are taps or veths in a network namespace of Vireo's own. The
// interfaces themselves carry what a later daemon must know of them (labels.h), so there is no
// state beside them but what an uplink had before it was taken.
//
// The gate of a port is its state in the bridge and more (port_plan.h), so that it holds when a
// function takes its own end down and up again.
//
// At most 1,023 ports a link. bind() that fails loses the spare.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fabric/bridge/port_plan.h"
#include "fabric/fabric.h"
#include "fabric/host_end.h"
#include "fabric/labels.h"
#include "fabric/place.h"
#include "fabric/reaper.h"
#include "fabric/spare_port.h"
#include "fabric/uplink.h"
#include "host/netlink.h"

namespace vireo {

class BridgeFabric final : public Fabric {
 public:
  // Finds what is in the namespaces already. Empty ones: new_network_namespace() (host/).
  static Result<std::unique_ptr<BridgeFabric>> open(FabricPlace place);
  // Whether the namespace has links of this fabric.
  static bool lives_in(const Fd& fabric_namespace);
  ~BridgeFabric() override;  // finishes removing what was unplugged; links and ports stay

  const FabricInfo& info() const override { return info_; }
  HostSupport check_host() override;
  Result<void> ensure_link(const LinkRequest& request) override;
  Result<UplinkOffer> check_uplink(const LinkId& id, const Uplink& uplink) override;
  Result<void> remove_link(const LinkId& id) override;
  Result<PortId> prepare(PortKind kind, const Fd* network_namespace) override;
  // After a restart the descriptor of a tap or packet port is with the keeper alone:
  // Errc::unavailable, and the port goes on as it is.
  Result<PortEndpoint> bind(const PortId& spare, const PortSpec& port) override;
  // The interface belongs to the fabric from then on: unplug() removes it.
  Result<void> adopt(const PortSpec& port, const std::string& interface,
                     const Fd& network_namespace) override;
  // A veth port that an earlier daemon made cannot be told of gateways and neighbours:
  // Errc::unavailable, after all that the bridge must know has been changed.
  Result<void> update(const PortSpec& port) override;
  Result<void> set_state(const PortId& id, GateState state) override;
  // `from` gone: opens `to`.
  Result<void> swap(const PortId& from, const PortId& to) override;
  Result<void> unplug(const PortId& id) override;
  std::vector<PortCounters> counters(std::span<const PortId> ids) override;
  Result<FabricState> list() override;

  // Until all that was unplugged is gone from the kernel: for tests and for leaving in order.
  void wait_idle() { reaper_.wait_idle(); }

 private:
  struct Port {
    SparePort ends;
    LinkId link;  // "" for a spare
    int bridge = 0;
    GateState gate = GateState::blocked;
    std::vector<MacAddress> macs;  // what lies behind; unknown after a restart but the own
    Flooding flooding;
    std::string name;         // veth, bound: inside the instance
    bool found_macs = false;  // made by an earlier daemon: `macs` may not be all of them
  };
  struct Link {
    LinkRequest request;
    int bridge = 0;
    HostEnd host;  // of the host's own interface
    int uplink_index = 0;
  };

  BridgeFabric(FabricPlace place, Netlink fabric, Netlink host, Netlink reaping);

  Result<void> recover();
  void recover_port(const LinkRow& row, const Label& label);
  void recover_outward(const LinkRow& row, const Label& label, Link& link);
  int next_index();
  Result<void> forget_gone();

  Result<void> make_bridge(Link& link);
  Result<void> update_host(Link& link, const LinkRequest& wanted);
  HostSide host_side();
  Join join_bridge(const Link& link);
  Result<void> update_uplink(Link& link, const LinkRequest& wanted);
  Result<void> drop_uplink(Link& link);
  Result<void> plug(Port& port, const PortSpec& spec, const Link& link);
  Result<std::vector<MacAddress>> behind(const Port& port);
  void discard(Port port);

  FabricInfo info_;
  FabricPlace place_;
  std::mutex mutex_;  // guards all below
  Netlink fabric_;
  Netlink host_;
  std::map<LinkId, Link> links_;
  std::map<PortId, Port> ports_;
  int next_index_ = 0;
  Reaper reaper_;
};

}  // namespace vireo
