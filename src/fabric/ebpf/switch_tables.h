// SPDX-License-Identifier: Apache-2.0
// The switch's maps as the fabric changes them. A change acts on the next frame. For one thread at
// a time.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/result.h"
#include "fabric/ebpf/switch.h"
#include "fabric/ebpf/switch_program.h"
#include "model/instance.h"

namespace vireo {

// What the switch knows of one port.
struct SwitchEntry {
  SwitchPort port{};
  std::vector<MacAddress> macs;      // behind it, its own first
  std::vector<Neighbour> addresses;  // and whose they are
};

// Of a port as the planner describes it, its gate closed.
Result<SwitchEntry> entry_of(const PortSpec& port, uint32_t link);

class SwitchTables {
 public:
  explicit SwitchTables(const SwitchMaps& maps) : maps_(maps) {}

  // With `take`, what others say of the same MACs and addresses gives way; else theirs stays.
  Result<void> enter(int index, const SwitchEntry& entry, bool take);
  // Its gate closes.
  Result<void> close(int index, const SwitchEntry& entry);
  // MACs and addresses of `had` that `now` lacks, if they are the port's still.
  void withdraw(int index, const SwitchEntry& had, const SwitchEntry& now);
  // No frame passes from then on.
  void remove(int index, const SwitchEntry& entry);

  // A place to count the frames of one port, at zero. remove() gives it back.
  Result<uint32_t> new_slot();
  SwitchCounters counters(uint32_t slot) const;

  Result<void> enter_link(uint32_t number, const SwitchLink& link);
  Result<void> enter_member(uint32_t link, uint32_t number, int index);
  void remove_link(uint32_t number, uint32_t members);

  // All that is there, of an earlier daemon.
  std::map<uint32_t, SwitchLink> links() const;
  std::map<int, SwitchEntry> ports();

 private:
  Result<void> enter_port(int index, const SwitchPort& port);
  Result<void> enter_macs(int index, const SwitchEntry& entry, bool take);

  const SwitchMaps& maps_;
  uint32_t next_slot_ = 0;
  std::vector<uint32_t> free_slots_;
};

}  // namespace vireo
