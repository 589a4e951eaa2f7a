// SPDX-License-Identifier: Apache-2.0
// After a restart of the daemon, or the death of a keeper; kept_driver_calls.h alone includes it.
#pragma once
#include "driver/kept_driver.h"

namespace vireo {

template <class Instance>
unsigned long KeptDriver<Instance>::number_of(std::string_view entry) const {
  return parse_number(entry.substr(names_.entry_prefix.size())).value_or(0);
}

template <class Instance>
Result<std::vector<KeeperEntry>> KeptDriver<Instance>::link_keeper() {
  std::shared_ptr<KeeperClient> link = TRY(KeeperClient::connect(runtime_dir_, keeper_program_));
  std::vector<KeeperEntry> known = TRY(link->list());
  std::lock_guard lock(mutex_);
  keeper_ = link;
  watch(link->event_fd(), EPOLLIN);
  return known;
}

template <class Instance>
Result<void> KeptDriver<Instance>::recover() {
  for (const KeeperEntry& entry : TRY(link_keeper())) adopt(entry);
  sweep_leftovers();
  return {};
}

template <class Instance>
auto KeptDriver<Instance>::begin_adoption(const KeeperEntry& entry,
                                          const decltype(Instance::record)& record) -> Adopted {
  auto taken = keeper()->take(entry.name);
  Adopted adopted{std::make_shared<Instance>(), taken ? std::move(*taken) : std::vector<Fd>()};
  adopted.instance->record = record;
  adopted.instance->entry = entry.name;
  adopted.instance->pid = entry.pid;
  adopted.instance->cgroup = groups_.at(entry.name);
  std::lock_guard lock(mutex_);
  ranges_.adopt(record.range);
  next_ = std::max(next_, number_of(entry.name) + 1);
  return adopted;
}

template <class Instance>
void KeptDriver<Instance>::end_adoption(const KeeperEntry& entry, const Known& instance) {
  std::lock_guard lock(mutex_);
  know(instance);
  if (instance->state == InstanceState::spare) return;
  if (instance->agent) watch_agent(instance);
  std::vector<DriverEvent> told;  // list() says it
  if (entry.ended) note_end(*instance, entry.wait_status, {}, told);
}

// Control groups and output of what no keeper knows: theirs has died.
template <class Instance>
void KeptDriver<Instance>::sweep_leftovers() {
  std::set<std::string> alive;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [entry, known] : entries_) alive.insert(entry);
  }
  for (const std::string& name : groups_.list()) {
    if (alive.contains(name) || !name.starts_with(names_.entry_prefix)) continue;
    // They go in the background: no new one may have their names.
    next_ = std::max(next_, number_of(name) + 1);
    groups_.at(name).kill();
    background_->post([this, name] {
      auto removed = groups_.at(name).remove();
      if (!removed) spdlog::warn("{}", removed.error().message);
    });
  }
  sweep(alive);
  output_.sweep(names_.entry_prefix, alive);
}

template <class Instance>
void KeptDriver<Instance>::lose(Instance& instance, SteadyTime at,
                                std::vector<DriverEvent>& events) {
  instance.cgroup.kill();
  if (instance.state == InstanceState::spare || instance.exit) return;
  instance.exit = ExitReason{ExitKind::lost, 0};
  instance.state = InstanceState::exited;
  events.push_back({DriverEvent::Kind::exited, instance.record.id, at, *instance.exit});
}

// Nobody reaps or drains what it started: all of that is ended. Others may go on.
template <class Instance>
void KeptDriver<Instance>::keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events) {
  {
    std::lock_guard lock(mutex_);
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, keeper_->event_fd(), nullptr);
    keeper_.reset();
  }
  spdlog::error("a keeper ended: its {}s are lost", names_.noun);
  auto kept = link_keeper();
  if (!kept) spdlog::error("{}", kept.error().message);
  std::map<std::string, KeeperEntry> there;
  if (kept)
    for (KeeperEntry& entry : *kept) there.emplace(entry.name, std::move(entry));
  std::vector<InstanceId> spares;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, known] : instances_) {
      if (there.contains(known->entry)) continue;
      lose(*known, at, events);
      if (known->state == InstanceState::spare) spares.push_back(id);
    }
  }
  for (const InstanceId& spare : spares) (void)destroy(spare);
  // What ended while nobody listened.
  for (const auto& [name, entry] : there)
    if (entry.ended) note_exit({name, entry.wait_status, entry.ended_at_ns}, events);
}

}  // namespace vireo
