// SPDX-License-Identifier: Apache-2.0
#include "fabric/uplink.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/rollback.h"
#include "fabric/labels.h"
#include "fabric/spare_port.h"
#include "host/files.h"

namespace vireo {
namespace {

constexpr std::chrono::seconds patience{2};

// What was saved stands when the interface has lost it: the fabric's namespace died and gave the
// interface back bare.
Result<void> save_unless_bare(const std::string& path, const HostInterface& found) {
  if (found.addresses.empty() && exists(path)) return {};
  return save_interface(path, found);
}

Result<int> take_interface(const HostSide& side, const LinkRow& row, bool take, const LinkId& link,
                           const Join& join) {
  const HostInterface found = TRY(describe_interface(*side.host, row));
  TRY(check_may_take(row, found, take));
  const std::string alias =
      TRY(label_text({.role = Role::uplink, .taken = take, .link = link, .id = row.name}));
  TRY(save_unless_bare(saved_path(side.state_directory, link), found));
  NetlinkBatch move;
  move.change_link({.index = row.index,
                    .name = row.name,
                    .group = fabric_group,
                    .alias = alias,
                    .move_to = side.fabric_namespace});
  Rollback undo([&] { (void)give_back_interface(side, link); });
  TRY(side.host->commit(move));
  const int index = TRY(side.fabric->link(row.name)).index;
  TRY(join(index, alias));
  undo.dismiss();
  return index;
}

Result<int> join_host_bridge(const HostSide& side, const LinkRow& row,
                             const HostEndRequest& request, const Join& join) {
  const std::string far_name = fmt::format("vireo{}", request.index);
  const std::string alias =
      TRY(label_text({.role = Role::host_bridge, .link = request.link, .id = row.name}));
  NetlinkBatch pair, far;
  pair.add_veth(
      {.index = request.index, .name = near_name(request.index), .up = true, .group = fabric_group},
      {.name = far_name, .network_namespace = side.host_namespace}, request.mtu);
  far.change_link({.name = far_name, .up = true, .master = row.index});
  Rollback undo([&] {
    NetlinkBatch batch;
    (void)side.fabric->commit(batch.remove_link(request.index).tolerate(ENODEV));
  });
  TRY(side.fabric->commit(pair));
  TRY(side.host->commit(far));
  TRY(side.fabric->wait_operational(request.index, patience));
  TRY(join(request.index, alias));
  undo.dismiss();
  return request.index;
}

}  // namespace

Result<UplinkOffer> judge_uplink(const HostSide& side, const LinkId& id, const Uplink& uplink,
                                 std::span<const LinkRequest> links) {
  for (const LinkRequest& link : links) {
    if (!link.uplink || link.uplink->interface != uplink.interface) continue;
    const bool moved = exists(saved_path(side.state_directory, link.id));
    if (moved && link.id != id)
      return Error{Errc::conflict, fmt::format("it is the uplink of {} already", link.id)};
    if (link.id == id) return UplinkOffer{!moved};
  }
  const LinkRow row = TRY(side.host->link(uplink.interface));
  if (row.kind == "bridge") return UplinkOffer{true};
  const HostInterface found = TRY(describe_interface(*side.host, row));
  TRY(check_may_take(row, found, uplink.take));
  return UplinkOffer{};
}

Result<int> connect_uplink(const HostSide& side, const Uplink& uplink,
                           const HostEndRequest& request, const Join& join) {
  const LinkRow row = TRY(side.host->link(uplink.interface));
  if (row.kind == "bridge") return join_host_bridge(side, row, request, join);
  return take_interface(side, row, uplink.take, request.link, join);
}

Result<void> give_back_interface(const HostSide& side, const LinkId& link) {
  const std::string path = saved_path(side.state_directory, link);
  const HostInterface saved = TRY(load_interface(path));
  if (const Result<LinkRow> row = side.fabric->link(saved.name)) {
    NetlinkBatch move;
    move.change_link({.index = row->index, .up = false, .master = 0});
    move.change_link({.index = row->index, .name = saved.name, .move_to = side.host_namespace});
    TRY_IN("give back " + saved.name, side.fabric->commit(move));
  }
  TRY_IN("give back " + saved.name, restore_interface(*side.host, saved));
  if (::unlink(path.c_str()) != 0) return system_error("cannot remove " + path);
  return {};
}

}  // namespace vireo
