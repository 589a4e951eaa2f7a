// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/uplink/uplink.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/rollback.h"
#include "fabric/bridge/labels.h"
#include "fabric/bridge/port_plan.h"
#include "fabric/bridge/spare_port.h"
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

}  // namespace

Result<int> take_interface(const UplinkPlace& place, const LinkRow& row, bool take,
                           const UplinkTarget& target) {
  const HostInterface found = TRY(describe_interface(*place.host, row));
  TRY(check_may_take(row, found, take));
  const std::string alias =
      TRY(label_text({.role = Role::uplink, .taken = take, .link = target.link, .id = row.name}));
  TRY(save_unless_bare(saved_path(place.state_directory, target.link), found));
  NetlinkBatch move;
  move.change_link({.index = row.index,
                    .name = row.name,
                    .group = fabric_group,
                    .alias = alias,
                    .move_to = place.fabric_namespace});
  Rollback undo([&] { (void)give_back_interface(place, target.link); });
  TRY(place.host->commit(move));
  const int index = TRY(place.fabric->link(row.name)).index;
  TRY(place.fabric->commit(plan_outward({index, target.bridge, alias})));
  undo.dismiss();
  return index;
}

Result<int> join_host_bridge(const UplinkPlace& place, const LinkRow& row,
                             const UplinkTarget& target) {
  const std::string far_name = fmt::format("vireo{}", target.index);
  const std::string alias =
      TRY(label_text({.role = Role::host_bridge, .link = target.link, .id = row.name}));
  NetlinkBatch pair, far;
  pair.add_veth(
      {.index = target.index, .name = near_name(target.index), .up = true, .group = fabric_group},
      {.name = far_name, .network_namespace = place.host_namespace}, target.mtu);
  far.change_link({.name = far_name, .up = true, .master = row.index});
  Rollback undo([&] {
    NetlinkBatch batch;
    (void)place.fabric->commit(batch.remove_link(target.index).tolerate(ENODEV));
  });
  TRY(place.fabric->commit(pair));
  TRY(place.host->commit(far));
  TRY(place.fabric->wait_operational(target.index, patience));
  TRY(place.fabric->commit(plan_outward({target.index, target.bridge, alias})));
  undo.dismiss();
  return target.index;
}

Result<void> give_back_interface(const UplinkPlace& place, const std::string& link) {
  const std::string path = saved_path(place.state_directory, link);
  const HostInterface saved = TRY(load_interface(path));
  if (const Result<LinkRow> row = place.fabric->link(saved.name)) {
    NetlinkBatch move;
    move.change_link({.index = row->index, .up = false, .master = 0});
    move.change_link({.index = row->index, .name = saved.name, .move_to = place.host_namespace});
    TRY_IN("give back " + saved.name, place.fabric->commit(move));
  }
  TRY_IN("give back " + saved.name, restore_interface(*place.host, saved));
  if (::unlink(path.c_str()) != 0) return system_error("cannot remove " + path);
  return {};
}

}  // namespace vireo
