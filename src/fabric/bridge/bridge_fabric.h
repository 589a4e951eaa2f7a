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
#include <string>
#include <vector>

#include "fabric/bridge/port_plan.h"
#include "fabric/interface_fabric.h"

namespace vireo {

struct BridgePort {
  SparePort ends;
  LinkId link;  // "" for a spare
  int bridge = 0;
  GateState gate = GateState::blocked;
  std::vector<MacAddress> macs;  // what lies behind; unknown after a restart but the own
  Flooding flooding;
  bool found_macs = false;  // made by an earlier daemon: `macs` may not be all of them
};

struct BridgeLink {
  LinkRequest request;
  int bridge = 0;
  HostEnd host;  // of the host's own interface
  int uplink_index = 0;
};

class BridgeFabric final : public InterfaceFabric<BridgePort, BridgeLink> {
 public:
  // Finds what is in the namespaces already. Empty ones: new_network_namespace() (host/).
  static Result<std::unique_ptr<BridgeFabric>> open(FabricPlace place);
  // Whether the namespace has links of this fabric.
  static bool lives_in(const Fd& fabric_namespace);
  ~BridgeFabric() override;  // finishes removing what was unplugged; links and ports stay

  HostSupport check_host() override;
  Result<void> ensure_link(const LinkRequest& request) override;
  Result<void> remove_link(const LinkId& id) override;
  std::vector<PortCounters> counters(std::span<const PortId> ids) override;

 private:
  BridgeFabric(FabricPlace place, FabricSockets sockets);

  Result<void> recover();
  void recover_port(const LinkRow& row, const Label& label);
  void recover_outward(const LinkRow& row, const Label& label, BridgeLink& link);

  Result<void> make_bridge(BridgeLink& link);
  Result<void> update_host(BridgeLink& link, const LinkRequest& wanted);
  Join join_bridge(const BridgeLink& link);
  Result<void> update_uplink(BridgeLink& link, const LinkRequest& wanted);
  Result<void> drop_uplink(BridgeLink& link);

  NetlinkBatch far_end(int index, const PortSpec& port) const override;
  Result<void> plug(BridgePort& port, const PortSpec& spec, BridgeLink& link,
                    GateState gate) override;
  Result<void> replug(BridgePort& port, const PortSpec& spec) override;
  Result<void> set_gate(BridgePort& port, GateState state) override;
  Result<void> exchange(BridgePort& last, BridgePort& next) override;
  Result<void> block_for_ever(BridgePort& port) override;
  void discard(BridgePort port) override;
  void forget_links(const std::set<int>& interfaces) override;
  GateState gate_of(const BridgePort& port) const override { return port.gate; }
  Result<std::vector<MacAddress>> behind(const BridgePort& port);
};

}  // namespace vireo
