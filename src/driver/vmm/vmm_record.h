// SPDX-License-Identifier: Apache-2.0
// What the driver knows of one virtual machine, and what the keeper remembers of it.
#pragma once
#include <string>

#include "driver/kept_driver.h"
#include "driver/vmm/start_tier.h"

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

struct VirtualMachine : KeptProcess {
  VmmRecord record;
  StartTier tier = StartTier::cold;  // how it was started, or how a spare would be
};

}  // namespace vireo
