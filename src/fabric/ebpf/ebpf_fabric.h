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
// Kernels from 5.17 (bpf_loop); root.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabric/ebpf/switch_program.h"
#include "fabric/ebpf/switch_tables.h"
#include "fabric/interface_fabric.h"

namespace vireo {

struct EbpfPort {
  SparePort ends;
  LinkId link;  // "" for a spare
  SwitchEntry entry;
  unsigned mtu = 1500;
  uint64_t overflown = 0;  // tap: what its queue had no room for, for ports before this one
};

// An interface of the host on a link: its own, or the uplink.
struct EbpfOutward {
  HostEnd end;
  SwitchEntry entry;
  // Links are numbered from 1.
  bool entered() const { return entry.port.link != 0; }
};

struct EbpfLink {
  LinkRequest request;
  uint32_t number = 0;
  EbpfOutward host, uplink;
  std::map<int, bool> members;  // index of the near end -> whether it leads outward
};

class EbpfFabric final : public InterfaceFabric<EbpfPort, EbpfLink> {
 public:
  // Finds what is in the namespaces already. Errc::unsupported, denied: this host cannot.
  static Result<std::unique_ptr<EbpfFabric>> open(FabricPlace place);
  ~EbpfFabric() override;  // finishes removing what was unplugged; links and ports stay
  // Whether the namespace has links of this fabric.
  static bool lives_in(const Fd& fabric_namespace);

  HostSupport check_host() override;
  Result<void> ensure_link(const LinkRequest& request) override;
  Result<void> remove_link(const LinkId& id) override;
  std::vector<PortCounters> counters(std::span<const PortId> ids) override;

 private:
  EbpfFabric(FabricPlace place, SwitchProgram program, FabricSockets sockets);

  Result<void> recover();
  void recover_links();
  Result<void> recover_interface(const LinkRow& row, std::map<int, SwitchEntry>& entries);
  void recover_port(const LinkRow& row, const Label& label, SwitchEntry* entry);
  void recover_outward(const LinkRow& row, const Label& label, EbpfLink& link, SwitchEntry* entry);

  std::map<int, uint64_t> overflows(std::span<const PortId> ids);

  Join join_link(bool uplink);
  Result<void> update_host(EbpfLink& link, const LinkRequest& wanted);
  Result<void> update_uplink(EbpfLink& link, const LinkRequest& wanted);
  Result<void> drop_uplink(EbpfLink& link);
  void drop_outward(EbpfLink& link, EbpfOutward& outward);
  Result<void> enter_outward(EbpfLink& link, EbpfOutward& outward, SwitchEntry entry);

  // A member if it takes group frames; else it is none.
  Result<void> set_member(EbpfLink& link, int index, const SwitchPort& port);
  void remove_member(EbpfLink& link, int index);
  Result<void> write_link(const EbpfLink& link);

  Result<void> attach(Netlink& fabric, int index) override {
    return program_.attach(fabric, place_.fabric, index);
  }
  NetlinkBatch far_end(int index, const PortSpec& port) const override;
  Result<void> plug(EbpfPort& port, const PortSpec& spec, EbpfLink& link, GateState gate) override;
  Result<void> replug(EbpfPort& port, const PortSpec& spec) override;
  Result<void> set_gate(EbpfPort& port, GateState state) override;
  Result<void> exchange(EbpfPort& last, EbpfPort& next) override;
  void leave_link(EbpfPort& port);
  bool release(EbpfPort& port) override;
  bool reuses_taps() const override { return true; }
  void discard(EbpfPort port) override;
  GateState gate_of(const EbpfPort& port) const override {
    if (port.entry.port.open == SWITCH_OPEN) return GateState::open;
    return port.entry.port.open == SWITCH_SENDING ? GateState::sending : GateState::blocked;
  }

  SwitchProgram program_;
  SwitchTables tables_;  // guarded by mutex_
  uint32_t next_link_ = 1;
};

}  // namespace vireo
