// SPDX-License-Identifier: Apache-2.0
#include "fabric/host_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/rollback.h"
#include "fabric/labels.h"
#include "fabric/spare_port.h"

namespace vireo {
namespace {

constexpr std::chrono::seconds patience{2};

}  // namespace

Result<HostEnd> make_host_end(const HostSide& side, const HostEndRequest& request,
                              const Join& join) {
  const int index = request.index;
  const std::string name = fmt::format("vireo{}", index);
  const std::string alias = TRY(label_text({.role = Role::host, .link = request.link, .id = name}));
  NetlinkBatch pair, far;
  VethEnd far_end{.name = name, .network_namespace = side.host_namespace};
  if (!request.mac.is_zero()) far_end.mac = request.mac;
  pair.add_veth({.index = index, .name = near_name(index), .up = true, .group = fabric_group},
                far_end, request.mtu);
  far.change_link({.name = name, .link_local = false}).tolerate(EAFNOSUPPORT);
  far.change_link({.name = name, .up = true});
  Rollback undo([&] {
    NetlinkBatch batch;
    (void)side.fabric->commit(batch.remove_link(index).tolerate(ENODEV));
  });
  TRY(side.fabric->commit(pair));
  TRY(side.host->commit(far));
  TRY(side.fabric->wait_operational(index, patience));
  TRY(join(index, alias));
  undo.dismiss();
  return HostEnd{index, name};
}

Result<void> address_host_end(Netlink& host, const HostEnd& end, const LinkRequest& had,
                              const LinkRequest& wanted) {
  const bool same_mac =
      wanted.host_mac.is_zero() || wanted.host_mac == had.host_mac || had.host_addresses.empty();
  if (same_mac && had.host_addresses == wanted.host_addresses) return {};
  const int far = TRY(host.link(end.name)).index;
  NetlinkBatch batch;
  if (!same_mac) batch.change_link({.index = far, .mac = wanted.host_mac});
  for (const IpPrefix& address : had.host_addresses)
    if (std::ranges::count(wanted.host_addresses, address) == 0) batch.remove_address(far, address);
  for (const IpPrefix& address : wanted.host_addresses)
    if (std::ranges::count(had.host_addresses, address) == 0) batch.add_address(far, address);
  return host.commit(batch);
}

}  // namespace vireo
