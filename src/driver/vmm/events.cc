// SPDX-License-Identifier: Apache-2.0
// Ends and readiness, from the keeper and from the functions' agents.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>

#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"
#include "host/process_stat.h"

namespace vireo {

void VmmDriver::note_agent(const Known& machine, uint32_t what, std::vector<DriverEvent>& events) {
  if ((what & (EPOLLHUP | EPOLLRDHUP)) != 0) return note_hang_up(*machine, events);
  if (hear_agent(machine, events)) watch(machine->agent->fd().get(), EPOLLRDHUP | EPOLLONESHOT);
}

// KVM takes milliseconds to end a machine, and only then the keeper hears of it: the socket is the
// first thing that an ending VMM gives up (vmm/vmm_protocol.h).
void VmmDriver::note_hang_up(VirtualMachine& machine, std::vector<DriverEvent>& events) {
  const auto stat = read_process_stat(fmt::format("/proc/{}", machine.pid));
  // An end with code 0 the keeper tells. Machines whose keeper has ended end with it and have
  // another parent: keeper_is_gone() says why.
  if (!stat || !keeper_ || std::ranges::count(keeper_->keeper_pids(), stat->parent) == 0) return;
  if (stat->exiting && stat->wait_status != 0)
    note_end(machine, stat->wait_status, std::chrono::steady_clock::now(), events);
}

Result<Fd> VmmDriver::vitals(const InstanceId& id) {
  Known known = TRY(find(id));
  return read_only_vitals(known->vitals);
}

Result<std::string> VmmDriver::export_state(const InstanceId& id,
                                            std::chrono::milliseconds deadline) {
  Known known = TRY(find(id));
  return known->agent->export_state(deadline);
}

Result<void> VmmDriver::import_state(const InstanceId& id, std::string_view state,
                                     std::chrono::milliseconds deadline) {
  Known known = TRY(find(id));
  return known->agent->import_state(state, deadline);
}

}  // namespace vireo
