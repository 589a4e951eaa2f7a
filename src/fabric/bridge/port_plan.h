// SPDX-License-Identifier: Apache-2.0
// What a port needs on both of its sides, as lists of changes: pure, so that tests read them.
#pragma once
#include <vector>

#include "fabric/far_end.h"
#include "host/netlink_batch.h"
#include "model/instance.h"

namespace vireo {

// A port's near end joins its bridge with the gate closed.
//
// A closed gate is three things: the port's state in the bridge, which acts at once, but which the
// kernel sets anew when the far end is taken down and up; entries in the bridge's table that send
// what is for the port to nobody, and nothing flooded to it; a lock, which drops what comes from
// it.
struct NearEnd {
  int index = 0;
  int bridge = 0;
  std::string alias{};
};
NetlinkBatch plan_plug(const NearEnd& near, const PortSpec& port);

// What lies behind the port changes: entries of `had` that are no longer wanted go.
NetlinkBatch plan_update(const NearEnd& near, const PortSpec& port,
                         const std::vector<MacAddress>& had, bool open);

// An interface through which the rest of the world is reached: learns, and is flooded.
NetlinkBatch plan_outward(const NearEnd& near);

// What an open port gets of frames that are for nobody in the table.
struct Flooding {
  bool unicast = false, group = false;
};
Flooding flooding_of(const PortSpec& port);

NetlinkBatch plan_open(int index, const std::vector<MacAddress>& behind, const Flooding& flooding);
// An interface that is gone is blocked well enough.
NetlinkBatch plan_block(int index, const std::vector<MacAddress>& behind);
// Opens, moves, blocks: at no moment does traffic lack a way.
NetlinkBatch plan_swap(int from, int to, const std::vector<MacAddress>& behind,
                       const Flooding& flooding);

}  // namespace vireo
