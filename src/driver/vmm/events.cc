// SPDX-License-Identifier: Apache-2.0
// Ends and readiness, from the keeper and from the functions' agents.
#include <fmt/format.h>
#include <sys/epoll.h>

#include "base/text.h"
#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"

namespace vireo {

// The wait status with which a process of ours is about to end; 0: it is not, or with code 0
// (proc_pid_stat(5): the flags are field 9, PF_EXITING is 4, and the status is field 52).
static int status_of_ending(int pid) {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  const size_t name_end = text.rfind(')'), line_end = text.find('\n');
  if (name_end == std::string::npos || line_end == std::string::npos) return 0;
  const auto fields =
      split(std::string_view(text).substr(name_end + 2, line_end - name_end - 2), ' ');
  constexpr size_t flags = 9 - 3, status = 52 - 3;
  if (fields.size() <= status || (parse_number(fields[flags]).value_or(0) & 4) == 0) return 0;
  return static_cast<int>(parse_number(fields[status]).value_or(0));
}

void VmmDriver::note_agent(const Known& machine, uint32_t what, std::vector<DriverEvent>& events) {
  if ((what & (EPOLLHUP | EPOLLRDHUP)) != 0) return note_hang_up(*machine, events);
  if (hear_agent(machine, events)) watch(machine->agent->fd().get(), EPOLLRDHUP | EPOLLONESHOT);
}

// KVM takes milliseconds to end a machine, and only then the keeper hears of it: the socket is the
// first thing that an ending VMM gives up (vmm/vmm_protocol.h).
void VmmDriver::note_hang_up(VirtualMachine& machine, std::vector<DriverEvent>& events) {
  const int status = machine.exit ? 0 : status_of_ending(machine.pid);
  if (status != 0) note_end(machine, status, std::chrono::steady_clock::now(), events);
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
