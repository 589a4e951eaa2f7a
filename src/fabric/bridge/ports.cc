// SPDX-License-Identifier: Apache-2.0
// The ports of BridgeFabric: plugged, open, exchanged.
#include <algorithm>

#include "fabric/bridge/bridge_fabric.h"
#include "fabric/bridge/port_plan.h"

namespace vireo {
namespace {

Result<std::string> port_alias(const PortSpec& spec) {
  return label_text({Role::port, spec.kind, false, spec.mac, spec.link, spec.id});
}

}  // namespace

NetlinkBatch BridgeFabric::far_end(int index, const PortSpec& port) const {
  NetlinkBatch batch = plan_far_end(index, port);
  add_neighbours(batch, index, port);
  return batch;
}

Result<void> BridgeFabric::plug(BridgePort& port, const PortSpec& spec, BridgeLink& link,
                                GateState gate) {
  const NearEnd near{port.ends.index, link.bridge, TRY(port_alias(spec))};
  TRY(fabric_.commit(plan_plug(near, spec)));
  // What came in between joining the bridge and closing the gate.
  if (port.ends.descriptor) drain(port.ends.descriptor);
  port.link = spec.link;
  port.bridge = link.bridge;
  port.gate = GateState::blocked;
  port.macs = macs_of(spec);
  port.flooding = flooding_of(spec);
  return gate == GateState::blocked ? Result<void>() : set_gate(port, gate);
}

Result<void> BridgeFabric::replug(BridgePort& port, const PortSpec& spec) {
  const NearEnd near{port.ends.index, port.bridge, {}};
  const bool open = port.gate == GateState::open;
  const std::vector<MacAddress> wanted = macs_of(spec);
  const std::vector<MacAddress> had = TRY(behind(port));
  TRY(fabric_.commit(plan_update(near, spec, had, open)));
  port.macs = wanted;
  port.found_macs = false;
  port.flooding = flooding_of(spec);
  return {};
}

// After a restart the kernel's own table tells what was entered for the port.
Result<std::vector<MacAddress>> BridgeFabric::behind(const BridgePort& port) {
  std::vector<MacAddress> macs = port.macs;
  if (!port.found_macs) return macs;
  const MacAddress own = TRY(fabric_.link(port.ends.index)).mac;  // of the near end
  for (const ForwardingRow& row : TRY(fabric_.forwarding(port.bridge)))
    if (row.port == port.ends.index && row.mac != own) macs.push_back(row.mac);
  return macs;
}

Result<void> BridgeFabric::set_gate(BridgePort& port, GateState state) {
  // What lies behind it is the other port's still: the table must go on saying so.
  if (state == GateState::sending && port.gate == GateState::blocked) return {};
  const std::vector<MacAddress> macs = TRY(behind(port));
  TRY(fabric_.commit(state == GateState::open ? plan_open(port.ends.index, macs, port.flooding)
                                              : plan_block(port.ends.index, macs)));
  port.gate = state == GateState::open ? state : GateState::blocked;
  port.macs = macs;  // no longer in the table, where they could be found
  port.found_macs = false;
  return {};
}

Result<void> BridgeFabric::exchange(BridgePort& last, BridgePort& next) {
  std::vector<MacAddress> macs = TRY(behind(last));
  for (const MacAddress& mac : TRY(behind(next)))
    if (std::ranges::count(macs, mac) == 0) macs.push_back(mac);
  TRY(fabric_.commit(plan_swap(last.ends.index, next.ends.index, macs, next.flooding)));
  next.macs = std::move(macs);
  last.macs.clear();
  last.gate = GateState::blocked;
  next.gate = GateState::open;
  return {};
}

// The interface may be gone with its last descriptor, or with the instance's namespace.
Result<void> BridgeFabric::block_for_ever(BridgePort& port) {
  if (port.bridge == 0) return {};
  return fabric_.commit(plan_block(port.ends.index, port.macs));
}

void BridgeFabric::discard(BridgePort port) {
  reaper_.add({port.ends.index, port.bridge, std::move(port.ends.descriptor)});
}

}  // namespace vireo
