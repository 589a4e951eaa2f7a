// SPDX-License-Identifier: Apache-2.0
// What a port needs on both of its sides, as lists of changes: pure, so that tests read them.
#pragma once
#include <vector>

#include "host/netlink_batch.h"
#include "model/instance.h"

namespace vireo {

// A port's near end joins its bridge with the gate closed, and what lies behind it is entered
// unless another port has it (the generation that this one will replace).
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

NetlinkBatch plan_open(int index, const std::vector<MacAddress>& behind);
NetlinkBatch plan_block(int index);
// Opens, moves, blocks: at no moment does traffic lack a way.
NetlinkBatch plan_swap(int from, int to, const std::vector<MacAddress>& behind);

// The far end inside the instance's network namespace.
NetlinkBatch plan_far_end(int index, const PortSpec& port);

// All that is reached through the port, its own MAC first; none twice.
std::vector<MacAddress> macs_of(const PortSpec& port);

}  // namespace vireo
