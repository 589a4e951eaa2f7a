// SPDX-License-Identifier: Apache-2.0
#include "fabric/interface_fabric.h"

#include "fabric/sysctl.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

Result<FabricSockets> FabricSockets::open(const FabricPlace& place) {
  TRY(set_network_defaults(place.fabric, fabric_defaults));
  TRY(set_network_defaults(place.ends, ends_defaults));
  return FabricSockets{TRY(Netlink::open(&place.fabric)), TRY(Netlink::open(&place.host)),
                       TRY(Netlink::open(&place.fabric))};
}

HostSupport support_of(std::string how, const std::vector<std::string>& needs,
                       const FabricTrial& trial) {
  HostSupport support;
  support.how = std::move(how);
  support.needs = {"/dev/net/tun", "network namespaces"};
  support.needs.insert(support.needs.end(), needs.begin(), needs.end());
  if (!exists("/dev/net/tun"))
    support.missing.emplace_back(
        "there is no /dev/net/tun: `modprobe tun`, or pass the device into "
        "this container");
  if (const Result<Fd> scratch = new_network_namespace())
    trial(*scratch, support.missing);
  else
    support.missing.push_back(scratch.error().message + ": run as root");
  support.possible = support.missing.empty();
  return support;
}

}  // namespace vireo
