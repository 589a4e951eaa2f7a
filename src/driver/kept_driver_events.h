// SPDX-License-Identifier: Apache-2.0
// What KeptDriver hears; kept_driver_calls.h alone includes it.
#pragma once
#include "driver/kept_driver.h"

namespace vireo {

template <class Instance>
void KeptDriver<Instance>::watch(int fd, uint32_t what) {
  epoll_event event{};
  event.events = what;
  event.data.fd = fd;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, fd, &event);
}

template <class Instance>
void KeptDriver<Instance>::watch_agent(const Known& instance) {
  const int agent = instance->agent->fd().get();
  agents_[agent] = instance;
  watch(agent, EPOLLIN | EPOLLONESHOT);
}

template <class Instance>
bool KeptDriver<Instance>::hear_agent(const Known& instance, std::vector<DriverEvent>& events) {
  if (!instance->agent->ready()) {
    if (instance->state == InstanceState::running)
      watch(instance->agent->fd().get(), EPOLLIN | EPOLLONESHOT);
    return false;
  }
  if (!std::exchange(instance->ready, true))
    events.push_back(
        {DriverEvent::Kind::ready, instance->record.id, std::chrono::steady_clock::now(), {}});
  return true;
}

template <class Instance>
void KeptDriver<Instance>::note_end(Instance& instance, int wait_status, SteadyTime at,
                                    std::vector<DriverEvent>& events) {
  if (instance.exit) return;
  instance.exit = exit_reason(wait_status, instance.record.killed, instance.cgroup);
  instance.state = InstanceState::exited;
  events.push_back({DriverEvent::Kind::exited, instance.record.id, at, *instance.exit});
}

template <class Instance>
void KeptDriver<Instance>::note_exit(const KeeperClient::Event& event,
                                     std::vector<DriverEvent>& events) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(event.name);
  if (found == entries_.end()) return;
  note_end(*found->second, event.wait_status, SteadyTime{std::chrono::nanoseconds(event.at_ns)},
           events);
}

template <class Instance>
void KeptDriver<Instance>::note_agent(const Known& instance, uint32_t,
                                      std::vector<DriverEvent>& events) {
  (void)hear_agent(instance, events);
}

template <class Instance>
void KeptDriver<Instance>::note_fd(int fd, uint32_t what, std::vector<DriverEvent>& events) {
  {
    std::lock_guard lock(mutex_);
    const auto found = agents_.find(fd);
    const Known known = found == agents_.end() ? nullptr : found->second.lock();
    if (known && known->agent && known->agent->fd().get() == fd)
      return note_agent(known, what, events);
  }
  note_other(fd, events);
}

template <class Instance>
void KeptDriver<Instance>::read_keeper(KeeperClient& link, std::vector<DriverEvent>& events) {
  for (const KeeperClient::Event& event : link.take_events()) {
    if (event.name.empty())
      keeper_is_gone(std::chrono::steady_clock::now(), events);
    else
      note_exit(event, events);
  }
}

template <class Instance>
std::vector<DriverEvent> KeptDriver<Instance>::take_events() {
  std::vector<DriverEvent> events;
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  auto link = keeper();
  for (int i = 0; i < count; ++i) {
    const epoll_event& each = ready[static_cast<size_t>(i)];
    if (link && each.data.fd == link->event_fd())
      read_keeper(*link, events);
    else
      note_fd(each.data.fd, each.events, events);
  }
  return events;
}

}  // namespace vireo
