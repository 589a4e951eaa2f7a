// SPDX-License-Identifier: Apache-2.0
// Ends and readiness, from the keeper and from the functions' agents.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "driver/container/container_driver.h"
#include "driver/function_start.h"

namespace vireo {

// Of the keeper's word and of the control group, which stays until the instance is destroyed: a
// daemon that comes later finds the same reason.
ExitReason Container::reason_of(int wait_status) const {
  if (!WIFSIGNALED(wait_status)) return {ExitKind::code, WEXITSTATUS(wait_status)};
  const int signal = WTERMSIG(wait_status);
  if (signal == SIGKILL && record.killed) return {ExitKind::killed, signal};
  // The group is ours alone, so that the kernel's count tells who was killed for memory.
  if (signal == SIGKILL && cgroup.usage().oom_kills > 0) return {ExitKind::out_of_memory, signal};
  return {ExitKind::signal, signal};
}

void ContainerDriver::note_exit(const KeeperClient::Event& event,
                                std::vector<DriverEvent>& events) {
  std::lock_guard lock(mutex_);
  auto session = sessions_.find(event.name);
  if (session != sessions_.end()) {
    session->second.wait_status = event.wait_status;
    ::eventfd_write(session->second.told->get(), 1);
  }
  auto found = entries_.find(event.name);
  if (found == entries_.end() || found->second->exit) return;
  Container& container = *found->second;
  container.exit = container.reason_of(event.wait_status);
  container.state = InstanceState::exited;
  SteadyTime at{std::chrono::nanoseconds(event.at_ns)};
  events.push_back({DriverEvent::Kind::exited, container.record.id, at, *container.exit});
}

void ContainerDriver::note_ready(int agent, std::vector<DriverEvent>& events) {
  std::lock_guard lock(mutex_);
  for (auto& [id, known] : containers_) {
    if (!known->agent || known->agent->fd().get() != agent) continue;
    if (!known->agent->ready()) {
      if (known->state == InstanceState::running) watch(agent, true);
    } else if (!known->ready) {
      known->ready = true;
      events.push_back({DriverEvent::Kind::ready, id, std::chrono::steady_clock::now(), {}});
    }
    return;
  }
}

void ContainerDriver::read_keeper(KeeperClient& link, std::vector<DriverEvent>& events) {
  for (const KeeperClient::Event& event : link.take_events()) {
    if (event.name.empty())
      keeper_is_gone(std::chrono::steady_clock::now(), events);
    else
      note_exit(event, events);
  }
}

std::vector<DriverEvent> ContainerDriver::take_events() {
  std::vector<DriverEvent> events;
  std::array<epoll_event, 64> ready{};
  int count = ::epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  auto link = keeper();
  for (int i = 0; i < count; ++i) {
    const int fd = ready[static_cast<size_t>(i)].data.fd;
    if (fd == pending_signal_.get()) {
      eventfd_t waiting = 0;
      ::eventfd_read(fd, &waiting);
      std::lock_guard lock(mutex_);
      std::ranges::move(pending_, std::back_inserter(events));
      pending_.clear();
    } else if (link && fd == link->event_fd()) {
      read_keeper(*link, events);
    } else {
      note_ready(fd, events);
    }
  }
  return events;
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
