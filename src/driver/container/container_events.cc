// SPDX-License-Identifier: Apache-2.0
// Ends and readiness, from the keeper and from the functions' agents.
#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <iterator>

#include "driver/container/container_driver.h"
#include "driver/function_start.h"

namespace vireo {

void ContainerDriver::note_exit(const KeeperClient::Event& event,
                                std::vector<DriverEvent>& events) {
  {
    std::lock_guard lock(mutex_);
    auto session = sessions_.find(event.name);
    if (session != sessions_.end()) {
      session->second.wait_status = event.wait_status;
      ::eventfd_write(session->second.told->get(), 1);
    }
  }
  KeptDriver::note_exit(event, events);
}

void ContainerDriver::note_other(int fd, std::vector<DriverEvent>& events) {
  if (fd != pending_signal_.get()) return;
  eventfd_t waiting = 0;
  ::eventfd_read(fd, &waiting);
  std::lock_guard lock(mutex_);
  std::ranges::move(pending_, std::back_inserter(events));
  pending_.clear();
}

Result<Fd> ContainerDriver::vitals(const InstanceId& id) {
  Known known = TRY(find(id));
  if (!known->vitals)
    return Error{Errc::unsupported, fmt::format("{} is not a libvnf function", id)};
  return read_only_vitals(known->vitals);
}

Result<std::string> ContainerDriver::export_state(const InstanceId& id,
                                                  std::chrono::milliseconds deadline) {
  Known known = TRY(find(id));
  if (!known->agent)
    return Error{Errc::unsupported, fmt::format("{} is not a libvnf function", id)};
  return known->agent->export_state(deadline);
}

Result<void> ContainerDriver::import_state(const InstanceId& id, std::string_view state,
                                           std::chrono::milliseconds deadline) {
  Known known = TRY(find(id));
  if (!known->agent)
    return Error{Errc::unsupported, fmt::format("{} is not a libvnf function", id)};
  return known->agent->import_state(state, deadline);
}

}  // namespace vireo
