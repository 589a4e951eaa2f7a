// SPDX-License-Identifier: Apache-2.0
// What the keeper holds for a daemon that is gone.
#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"

namespace vireo {

void VmmDriver::adopt(const KeeperEntry& entry) {
  if (is_zygote(entry.name)) return (void)keeper()->drop(entry.name);  // perhaps of another program
  auto record = vmm_record_from_text(entry.text);
  if (!record) return;
  auto [machine, held] = begin_adoption(entry, *record);
  const bool spare = record->id.starts_with('~');
  // A spare may be about to load something that nobody waits for any more; an instance without its
  // vitals was interrupted half-way: nothing that anybody has seen.
  if (spare ? !record->image_digest.empty() || entry.ended || held.empty()
            : held.size() <= vmm_held_vitals)
    return forget(machine);
  machine->agent = std::make_shared<FunctionAgent>(UnixSocket(std::move(held[vmm_held_agent])));
  if (!spare) {
    machine->vitals = std::move(held[vmm_held_vitals]);
    machine->ready = says_ready(machine->vitals);
    machine->state = InstanceState::running;
  }
  end_adoption(entry, machine);
}

}  // namespace vireo
