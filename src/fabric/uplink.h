// SPDX-License-Identifier: Apache-2.0
// Interfaces of the host join a link, and go back as they were. Each step may be repeated.
#pragma once
#include <span>
#include <string>

#include "fabric/host_end.h"
#include "fabric/host_interface.h"

namespace vireo {

// What ensure_link() would say to it as the uplink of `id`, while `links` have theirs.
Result<UplinkOffer> judge_uplink(const HostSide& side, const LinkId& id, const Uplink& uplink,
                                 std::span<const LinkRequest> links);

// Moves the interface into the fabric's namespace and onto the link; or makes a veth between the
// link and a bridge of the host, with the index and MTU of `request`. Its index there.
Result<int> connect_uplink(const HostSide& side, const Uplink& uplink,
                           const HostEndRequest& request, const Join& join);
// The way back of take_interface(). One that the fabric no longer has (it went back by itself when
// the namespace died) only gets what it had.
Result<void> give_back_interface(const HostSide& side, const LinkId& link);

}  // namespace vireo
