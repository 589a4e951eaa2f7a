// SPDX-License-Identifier: Apache-2.0
// Links are rows in the tables of one eBPF program that every near end carries (switch.bpf.c), and
// ports are taps or veths, as the bridge has them. There is no bridge, no flooding, no learning and
// no limit of ports per link. A frame must carry a MAC and an address that the planner has put
// behind its port; ARP requests and neighbour solicitations for known addresses are answered by the
// program; other group frames go to ports that declared `broadcast` and outward; unknown
// destinations outward, else nowhere.
//
// To bind, open, exchange or unplug a port of a packet function is a few changes of the tables,
// without the kernel's lock of the network. The tables live in the namespace (switch_program.h).
//
// Kernels from 5.17 (bpf_loop); root. bind() that fails loses the spare.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fabric/ebpf/switch_program.h"
#include "fabric/ebpf/switch_tables.h"
#include "fabric/fabric.h"
#include "fabric/host_end.h"
#include "fabric/labels.h"
#include "fabric/place.h"
#include "fabric/reaper.h"
#include "fabric/spare_port.h"
#include "host/netlink.h"

namespace vireo {

class EbpfFabric final : public Fabric {
 public:
  // Finds what is in the namespaces already. Errc::unsupported, denied: this host cannot.
  static Result<std::unique_ptr<EbpfFabric>> open(FabricPlace place);
  ~EbpfFabric() override;  // finishes removing what was unplugged; links and ports stay
  // Whether the namespace has links of this fabric.
  static bool lives_in(const Fd& fabric_namespace);

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
  // Errc::unavailable, after all that the switch must know has been changed.
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
    SwitchEntry entry;
    std::string name;    // veth, bound: inside the instance
    bool found = false;  // made by an earlier daemon
  };
  // An interface of the host on a link: its own, or the uplink.
  struct Outward {
    HostEnd end;
    SwitchEntry entry;
    bool entered = false;  // the tables have it
  };
  struct Link {
    LinkRequest request;
    uint32_t number = 0;
    Outward host, uplink;
    std::vector<int> members;  // as the tables have them
  };

  EbpfFabric(FabricPlace place, SwitchProgram program, Netlink fabric, Netlink host,
             Netlink reaping);

  Result<void> recover();
  void recover_links();
  Result<void> recover_interface(const LinkRow& row, std::map<int, SwitchEntry>& entries);
  void recover_port(const LinkRow& row, const Label& label, SwitchEntry* entry);
  void recover_outward(const LinkRow& row, const Label& label, Link& link, SwitchEntry* entry);
  int next_index();
  Result<void> forget_gone();

  HostSide host_side();
  Join join_link(bool uplink);
  Result<void> update_host(Link& link, const LinkRequest& wanted);
  Result<void> update_uplink(Link& link, const LinkRequest& wanted);
  Result<void> drop_uplink(Link& link);
  void drop_outward(Link& link, Outward& outward);
  Result<void> enter_outward(Link& link, Outward& outward, SwitchEntry entry);

  Result<void> add_member(Link& link, int index);
  void remove_member(Link& link, int index);
  Result<void> write_link(const Link& link);
  const SwitchPort* port_row(const Link& link, int index) const;

  Result<void> plug(Port& port, const PortSpec& spec, Link& link, bool peer);
  void discard(Port port);

  FabricInfo info_;
  FabricPlace place_;
  SwitchProgram program_;
  std::mutex mutex_;  // guards all below
  SwitchTables tables_;
  Netlink fabric_;
  Netlink host_;
  std::map<LinkId, Link> links_;
  std::map<PortId, Port> ports_;
  uint32_t next_link_ = 1;
  int next_index_ = 0;
  Reaper reaper_;
};

}  // namespace vireo
