// SPDX-License-Identifier: Apache-2.0
// What the starts of all KeptDrivers have in common; kept_driver_calls.h alone includes it.
#pragma once
#include "driver/kept_driver.h"

namespace vireo {

template <class Instance>
auto KeptDriver<Instance>::reserve() -> Result<Known> {
  auto shell = std::make_shared<Instance>();
  shell->record.range = TRY(ranges_.take());
  std::lock_guard lock(mutex_);
  shell->entry = fmt::format("{}{}", names_.entry_prefix, next_++);
  shell->record.id = "~" + shell->entry;
  shell->record.technology = info_.technologies.front();
  return shell;
}

template <class Instance>
Result<Spawned> KeptDriver<Instance>::spawn(const Cgroup& group, SpawnRequest request) {
  const Fd directory = TRY(group.directory());
  if (directory) request.cgroup = directory.get();
  const std::vector<Fd> tasks = TRY(group.task_files());
  for (const Fd& each : tasks) request.cgroup_tasks.push_back(each.get());
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  return link->spawn(request);
}

template <class Instance>
auto KeptDriver<Instance>::begin_start(const InstanceId& shell, const InstanceSpec& spec)
    -> Result<Known> {
  std::lock_guard lock(mutex_);
  auto running = instances_.find(spec.id);
  if (running != instances_.end() && spec.id != shell) {
    if (running->second->state == InstanceState::running) return Known();
    return Error{Errc::conflict, fmt::format("{} exists and does not run", spec.id)};
  }
  auto found = instances_.find(shell);
  if (found == instances_.end() || found->second->state != InstanceState::spare)
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  Known known = found->second;
  if (known->loaded && !same_program(*known->loaded, spec))
    return Error{Errc::conflict, fmt::format("another program is loaded in {}", shell)};
  instances_.erase(found);
  known->state = InstanceState::starting;
  known->record.id = spec.id;
  known->record.technology = spec.technology;
  known->record.image_digest = spec.image_digest;
  instances_[spec.id] = known;
  return known;
}

template <class Instance>
void KeptDriver<Instance>::end_start(const Known& started, std::vector<PortEndpoint> ports) {
  std::lock_guard lock(mutex_);
  if (started->state == InstanceState::starting) started->state = InstanceState::running;
  if (started->agent) watch_agent(started);
  started->ports = std::move(ports);
  begun_.push_back(started);
}

template <class Instance>
auto KeptDriver<Instance>::take_begun() -> std::vector<Known> {
  std::lock_guard lock(mutex_);
  return std::exchange(begun_, {});
}

template <class Instance>
void KeptDriver<Instance>::know(const Known& instance) {
  instances_[instance->record.id] = instance;
  entries_[instance->entry] = instance;
}

}  // namespace vireo
