// SPDX-License-Identifier: Apache-2.0
// What the driver knows of one virtual machine, and what the keeper remembers of it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "driver/function_agent.h"
#include "driver/id_ranges.h"
#include "driver/vmm/start_tier.h"
#include "host/cgroup.h"
#include "model/instance.h"

namespace vireo {

// The text of a keeper's entry.
struct VmmRecord {
  InstanceId id;
  std::string technology, image_digest;
  IdRanges::Range range;
  bool killed = false;  // on request
  bool operator==(const VmmRecord&) const = default;
};
std::string to_text(const VmmRecord& record);
// Errc::not_found: the entry is not one of this driver's.
Result<VmmRecord> vmm_record_from_text(std::string_view text);

// What the keeper holds of an entry, in this order; taps come after.
enum VmmHeldFd : unsigned { vmm_held_agent, vmm_held_vitals };

// Guarded by the driver's mutex, except where a member says otherwise.
struct VirtualMachine {
  VmmRecord record;
  std::string entry;  // the keeper's name of it, and the control group's
  int pid = 0;
  Cgroup cgroup;
  InstanceState state = InstanceState::spare;
  bool ready = false;
  StartTier tier = StartTier::cold;  // how it was started, or how a spare would be
  std::optional<ExitReason> exit;
  std::optional<InstanceSpec> loaded;    // whose image waits in a spare shell
  std::shared_ptr<FunctionAgent> agent;  // thread-safe by itself
  Fd vitals;
  std::vector<PortEndpoint> ports;  // until the keeper holds them
  ExitReason reason_of(int wait_status) const;
};

}  // namespace vireo
