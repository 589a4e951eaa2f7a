// SPDX-License-Identifier: Apache-2.0
// The links of BridgeFabric: a bridge each, the host's own interface, the uplink.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "fabric/bridge/bridge_fabric.h"
#include "fabric/bridge/port_plan.h"
#include "host/files.h"

namespace vireo {
namespace {

// Locally administered; never seen on a wire, as a bridge sends nothing of its own here.
MacAddress bridge_mac(int index) {
  const auto n = static_cast<unsigned>(index);
  return {{0x02, 0x56, static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16),
           static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)}};
}

}  // namespace

Result<void> BridgeFabric::make_bridge(BridgeLink& link) {
  const int index = next_index_++;
  const std::string alias = TRY(label_text({.role = Role::link, .link = link.request.id}));
  NetlinkBatch batch;
  batch.add_bridge({.index = index,
                    .name = fmt::format("vb{}", index),
                    .mac = bridge_mac(index),
                    .mtu = link.request.mtu,
                    .group = fabric_group});
  // An MTU set now stays; one set at birth follows the ports.
  batch.change_link({.index = index, .up = true, .mtu = link.request.mtu, .alias = alias});
  TRY(fabric_.commit(batch));
  link.bridge = index;
  return {};
}

Result<void> BridgeFabric::ensure_link(const LinkRequest& request) {
  const std::lock_guard lock(mutex_);
  const std::string task = "link " + request.id;
  if (!links_.contains(request.id)) {
    BridgeLink made;
    made.request = {request.id, request.mtu};
    TRY_IN(task, make_bridge(made));
    links_[request.id] = made;
  }
  BridgeLink& link = links_[request.id];
  if (link.request.mtu != request.mtu) {
    NetlinkBatch batch;
    TRY_IN(task, fabric_.commit(batch.change_link({.index = link.bridge, .mtu = request.mtu})));
    link.request.mtu = request.mtu;
  }
  TRY_IN(task, update_host(link, request));
  TRY_IN(task, update_uplink(link, request));
  return {};
}

Join BridgeFabric::join_bridge(const BridgeLink& link) {
  return [this, bridge = link.bridge](int index, const std::string& alias) {
    return fabric_.commit(plan_outward({index, bridge, alias}));
  };
}

Result<void> BridgeFabric::update_host(BridgeLink& link, const LinkRequest& wanted) {
  if (wanted.host_addresses.empty()) {
    if (link.host.index != 0) reaper_.add({link.host.index, 0, {}});
    link.host = {};
    link.request.host_addresses.clear();
    return {};
  }
  if (link.host.index == 0) {
    const HostEndRequest request{wanted.id, next_index_++, wanted.mtu, wanted.host_mac};
    link.host = TRY(make_host_end(host_side(), request, join_bridge(link)));
  }
  TRY(address_host_end(host_, link.host, link.request, wanted));
  link.request.host_addresses = wanted.host_addresses;
  link.request.host_mac = wanted.host_mac;
  return {};
}

Result<void> BridgeFabric::update_uplink(BridgeLink& link, const LinkRequest& wanted) {
  if (link.request.uplink == wanted.uplink) return {};
  if (link.request.uplink) TRY(drop_uplink(link));
  if (!wanted.uplink) return {};
  const HostEndRequest request{link.request.id, next_index_++, link.request.mtu};
  link.uplink_index = TRY(connect_uplink(host_side(), *wanted.uplink, request, join_bridge(link)));
  link.request.uplink = wanted.uplink;
  return {};
}

Result<void> BridgeFabric::drop_uplink(BridgeLink& link) {
  const std::string path = saved_path(place_.state_directory, link.request.id);
  if (exists(path))
    TRY(give_back_interface(host_side(), link.request.id));
  else if (link.uplink_index != 0)
    reaper_.add({link.uplink_index, 0, {}});
  link.uplink_index = 0;
  link.request.uplink.reset();
  return {};
}

Result<void> BridgeFabric::remove_link(const LinkId& id) {
  const std::lock_guard lock(mutex_);
  TRY(forget_gone());
  const auto found = links_.find(id);
  if (found == links_.end()) return {};
  BridgeLink& link = found->second;
  TRY(check_unused(id));
  LinkRequest bare{id, link.request.mtu};
  TRY_IN("remove link " + id, drop_uplink(link));
  TRY_IN("remove link " + id, update_host(link, bare));
  NetlinkBatch down;
  down.change_link({.index = link.bridge, .up = false, .alias = std::string()}).tolerate(ENODEV);
  TRY_IN("remove link " + id, fabric_.commit(down));
  reaper_.add({link.bridge, 0, {}});
  links_.erase(found);
  return {};
}

}  // namespace vireo
