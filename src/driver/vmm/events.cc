// SPDX-License-Identifier: Apache-2.0
// Ends and readiness, from the keeper and from the functions' agents.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>

#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"

namespace vireo {

void VmmDriver::note_exit(const KeeperClient::Event& event, std::vector<DriverEvent>& events) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(event.name);
  if (found == entries_.end() || found->second->exit) return;
  VirtualMachine& machine = *found->second;
  machine.exit = machine.reason_of(event.wait_status);
  machine.state = InstanceState::exited;
  SteadyTime at{std::chrono::nanoseconds(event.at_ns)};
  events.push_back({DriverEvent::Kind::exited, machine.record.id, at, *machine.exit});
}

void VmmDriver::note_ready(int agent, std::vector<DriverEvent>& events) {
  std::lock_guard lock(mutex_);
  const auto found = agents_.find(agent);
  const Known known = found == agents_.end() ? nullptr : found->second.lock();
  if (!known) return;
  if (!known->agent->ready()) {
    if (known->state == InstanceState::running) watch(agent, true);
  } else if (!known->ready) {
    known->ready = true;
    const SteadyTime now = std::chrono::steady_clock::now();
    events.push_back({DriverEvent::Kind::ready, known->record.id, now, {}});
  }
}

void VmmDriver::read_keeper(KeeperClient& link, std::vector<DriverEvent>& events) {
  for (const KeeperClient::Event& event : link.take_events()) {
    if (event.name.empty())
      keeper_is_gone(std::chrono::steady_clock::now(), events);
    else
      note_exit(event, events);
  }
}

std::vector<DriverEvent> VmmDriver::take_events() {
  std::vector<DriverEvent> events;
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  auto link = keeper();
  for (int i = 0; i < count; ++i) {
    const int fd = ready[static_cast<size_t>(i)].data.fd;
    if (link && fd == link->event_fd())
      read_keeper(*link, events);
    else
      note_ready(fd, events);
  }
  return events;
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
