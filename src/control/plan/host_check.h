// SPDX-License-Identifier: Apache-2.0
// What a service wants of the host's own network that the host, or another service, does not leave
// to it. Pure.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "control/plan/planner.h"

namespace vireo {

// What links of other services have on the host.
struct HostUse {
  std::string service, link;
  std::vector<IpPrefix> addresses;
  std::optional<Uplink> uplink;
};

struct HostView {
  std::vector<HostUse> others;
  std::map<std::string, Result<UplinkOffer>> uplinks;  // by link, as the fabric answered
};

void check_host(const ServiceSpec& service, const Desired& desired, const HostView& host,
                std::vector<Finding>& findings);

}  // namespace vireo
