// SPDX-License-Identifier: Apache-2.0
// The links of BridgeFabric: a bridge each, the host's own interface, the uplink.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/rollback.h"
#include "fabric/bridge/bridge_fabric.h"
#include "fabric/bridge/port_plan.h"
#include "host/files.h"

namespace vireo {
namespace {

constexpr std::chrono::seconds patience{2};

// Locally administered; never seen on a wire, as a bridge sends nothing of its own here.
MacAddress bridge_mac(int index) {
  const auto n = static_cast<unsigned>(index);
  return {{0x02, 0x56, static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16),
           static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)}};
}

}  // namespace

Result<void> BridgeFabric::make_bridge(Link& link) {
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
    Link made;
    made.request = {request.id, request.mtu};
    TRY_IN(task, make_bridge(made));
    links_[request.id] = made;
  }
  Link& link = links_[request.id];
  if (link.request.mtu != request.mtu) {
    NetlinkBatch batch;
    TRY_IN(task, fabric_.commit(batch.change_link({.index = link.bridge, .mtu = request.mtu})));
    link.request.mtu = request.mtu;
  }
  TRY_IN(task, update_host(link, request));
  TRY_IN(task, update_uplink(link, request));
  return {};
}

Result<void> BridgeFabric::make_host_end(Link& link, const MacAddress& mac) {
  const int index = next_index_++;
  const std::string name = fmt::format("vireo{}", index);
  NetlinkBatch pair, far;
  VethEnd far_end{.name = name, .network_namespace = &options_.host};
  if (!mac.is_zero()) far_end.mac = mac;
  pair.add_veth({.index = index, .name = near_name(index), .up = true, .group = fabric_group},
                far_end, link.request.mtu);
  far.change_link({.name = name, .link_local = false}).tolerate(EAFNOSUPPORT);
  far.change_link({.name = name, .up = true});
  Rollback undo([&] {
    NetlinkBatch batch;
    (void)fabric_.commit(batch.remove_link(index).tolerate(ENODEV));
  });
  TRY(fabric_.commit(pair));
  TRY(host_.commit(far));
  TRY(fabric_.wait_operational(index, patience));
  const std::string alias =
      TRY(label_text({.role = Role::host, .link = link.request.id, .id = name}));
  TRY(fabric_.commit(plan_outward({index, link.bridge, alias})));
  undo.dismiss();
  link.host_index = index;
  link.host_name = name;
  return {};
}

Result<void> BridgeFabric::update_host(Link& link, const LinkRequest& wanted) {
  const std::vector<IpPrefix> had = link.request.host_addresses;
  const bool same_mac =
      wanted.host_mac.is_zero() || wanted.host_mac == link.request.host_mac || had.empty();
  if (had == wanted.host_addresses && same_mac) return {};
  if (wanted.host_addresses.empty()) {
    reaper_.add({link.host_index, 0, {}});
    link.host_index = 0;
    link.request.host_addresses.clear();
    return {};
  }
  if (link.host_index == 0) TRY(make_host_end(link, wanted.host_mac));
  const int far = TRY(host_.link(link.host_name)).index;
  NetlinkBatch batch;
  if (!same_mac) batch.change_link({.index = far, .mac = wanted.host_mac});
  for (const IpPrefix& address : had)
    if (std::ranges::count(wanted.host_addresses, address) == 0) batch.remove_address(far, address);
  for (const IpPrefix& address : wanted.host_addresses)
    if (std::ranges::count(had, address) == 0) batch.add_address(far, address);
  TRY(host_.commit(batch));
  link.request.host_addresses = wanted.host_addresses;
  link.request.host_mac = wanted.host_mac;
  return {};
}

Result<void> BridgeFabric::update_uplink(Link& link, const LinkRequest& wanted) {
  if (link.request.uplink == wanted.uplink) return {};
  if (link.request.uplink) TRY(drop_uplink(link));
  if (!wanted.uplink) return {};
  const LinkRow row = TRY(host_.link(wanted.uplink->interface));
  UplinkPlace place{&fabric_, &host_, &options_.fabric, &options_.host, options_.state_directory};
  if (row.kind == "bridge")
    link.uplink_index = TRY(join_host_bridge(
        place, row, {link.request.id, link.bridge, link.request.mtu, next_index_++}));
  else
    link.uplink_index =
        TRY(take_interface(place, row, wanted.uplink->take, {link.request.id, link.bridge}));
  link.request.uplink = wanted.uplink;
  return {};
}

Result<UplinkOffer> BridgeFabric::check_uplink(const LinkId& id, const Uplink& uplink) {
  const std::lock_guard lock(mutex_);
  for (const auto& [other, link] : links_) {
    if (!link.request.uplink || link.request.uplink->interface != uplink.interface) continue;
    const bool moved = exists(saved_path(options_.state_directory, other));
    if (moved && other != id)
      return Error{Errc::conflict, fmt::format("it is the uplink of {} already", other)};
    if (other == id) return UplinkOffer{!moved};
  }
  const LinkRow row = TRY(host_.link(uplink.interface));
  if (row.kind == "bridge") return UplinkOffer{true};
  const HostInterface found = TRY(describe_interface(host_, row));
  TRY(check_may_take(row, found, uplink.take));
  return UplinkOffer{};
}

Result<void> BridgeFabric::drop_uplink(Link& link) {
  UplinkPlace place{&fabric_, &host_, &options_.fabric, &options_.host, options_.state_directory};
  const std::string path = saved_path(options_.state_directory, link.request.id);
  if (exists(path))
    TRY(give_back_interface(place, link.request.id));
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
  Link& link = found->second;
  for (const auto& [port_id, port] : ports_)
    if (port.link == id)
      return Error{Errc::conflict, fmt::format("link {} still has the port {}", id, port_id)};
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
