// SPDX-License-Identifier: Apache-2.0
// What a port is to its instance, for every fabric of the kernel's interfaces: pure.
#pragma once
#include <vector>

#include "host/netlink_batch.h"
#include "model/instance.h"

namespace vireo {

// The far end inside the instance's network namespace, but for its neighbours.
NetlinkBatch plan_far_end(int index, const PortSpec& port);
// Where nobody answers for them.
void add_neighbours(NetlinkBatch& batch, int index, const PortSpec& port);

// All that is reached through the port, its own MAC first; none twice.
std::vector<MacAddress> macs_of(const PortSpec& port);

// fe80::/64 with the modified EUI-64 of the MAC (RFC 4291, appendix A).
IpPrefix link_local_of(const MacAddress& mac);

}  // namespace vireo
