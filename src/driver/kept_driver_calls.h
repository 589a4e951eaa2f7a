// SPDX-License-Identifier: Apache-2.0
// What KeptDriver does; included where a driver instantiates it.
#pragma once
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/text.h"
#include "driver/kept_driver.h"

namespace vireo {

// Daemons of one host, each with a state of its own, begin apart in the host's ids, too.
template <class Instance>
template <class Options>
KeptDriver<Instance>::KeptDriver(DriverInfo info, KeptNames names, const Options& options)
    : info_(std::move(info)),
      names_(std::move(names)),
      runtime_dir_(options.runtime_dir),
      keeper_program_(options.keeper_program),
      output_(options.log_dir),
      ranges_(options.ids,
              static_cast<unsigned>(std::hash<std::string>()(options.state_dir) % 10'000)),
      background_(std::make_unique<Worker>()) {}

template <class Instance>
KeptDriver<Instance>::~KeptDriver() {
  if (keeper_) (void)groups_.remove();  // refused while it has groups
}

template <class Instance>
template <class Options>
Result<void> KeptDriver<Instance>::open_place(const Options& options) {
  events_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!events_) return system_error("cannot make an event queue");
  TRY(output_.make_directory());
  std::string name = options.cgroup_name;
  if (name.empty())
    name = fmt::format("{}{:08x}", names_.cgroup_prefix,
                       static_cast<uint32_t>(std::hash<std::string>()(options.state_dir)));
  groups_ = TRY(CgroupTree::open(name, options.cgroup_root));
  return {};
}

template <class Instance>
auto KeptDriver<Instance>::find(const InstanceId& id) -> Result<Known> {
  std::lock_guard lock(mutex_);
  auto found = instances_.find(id);
  if (found == instances_.end())
    return Error{Errc::not_found, fmt::format("there is no {} {}", names_.noun, id)};
  return found->second;
}

template <class Instance>
std::shared_ptr<KeeperClient> KeptDriver<Instance>::keeper() {
  std::lock_guard lock(mutex_);
  return keeper_;
}

template <class Instance>
Result<void> KeptDriver<Instance>::destroy(const InstanceId& id) {
  Known known;
  {
    std::lock_guard lock(mutex_);
    auto found = instances_.find(id);
    if (found == instances_.end()) return {};
    known = found->second;
    instances_.erase(found);
    entries_.erase(known->entry);
  }
  forget(known);
  return {};
}

template <class Instance>
void KeptDriver<Instance>::forget(const Known& instance) {
  end(instance);
  background_->post([this, known = instance]() mutable { clean_up(std::move(known)); });
}

template <class Instance>
void KeptDriver<Instance>::end(const Known& instance) {
  if (instance->agent)
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, instance->agent->fd().get(), nullptr);
  if (auto link = keeper()) (void)link->drop(instance->entry);
  std::lock_guard lock(mutex_);
  std::erase(begun_, instance);
}

template <class Instance>
void KeptDriver<Instance>::clean_up(Known instance) {
  auto removed = instance->cgroup.remove();
  if (!removed) spdlog::warn("{}", removed.error().message);
  clear(*instance);
  if (auto link = keeper()) (void)link->settle();
  output_.keep(instance->entry, instance->record.id);
  const IdRanges::Range range = instance->record.range;
  instance.reset();
  ranges_.give_back(range);
}

template <class Instance>
Result<std::vector<InstanceStatus>> KeptDriver<Instance>::list() {
  std::lock_guard lock(mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [id, known] : instances_)
    all.push_back({id, known->state, known->exit, known->record.technology, known->ready});
  return all;
}

template <class Instance>
std::vector<InstanceUsage> KeptDriver<Instance>::usage(std::span<const InstanceId> ids) {
  std::vector<InstanceUsage> all;
  for (const InstanceId& id : ids) {
    auto found = find(id);
    if (!found) continue;
    CgroupUsage usage = (*found)->cgroup.usage((*found)->pid);
    all.push_back({id, usage.cpu_ns, usage.memory, usage.memory_peak, usage.pids});
  }
  return all;
}

template <class Instance>
auto KeptDriver<Instance>::find_running(const InstanceId& id) -> Result<Known> {
  Known known = TRY(find(id));
  std::lock_guard lock(mutex_);
  if (known->state != InstanceState::running)
    return Error{Errc::conflict, fmt::format("{} does not run", id)};
  return known;
}

template <class Instance>
Result<int> KeptDriver<Instance>::pid(const InstanceId& id) {
  Known known = TRY(find(id));
  std::lock_guard lock(mutex_);
  return known->pid;
}

template <class Instance>
std::vector<std::string> KeptDriver<Instance>::log_paths(const InstanceId& id) {
  auto known = find(id);
  return output_.paths(id, known ? (*known)->entry : "");
}

// Behind the removal of its last generation, which leaves the file.
template <class Instance>
void KeptDriver<Instance>::forget_output(const InstanceId& id) {
  background_->post([this, id] { output_.forget(id); });
}

}  // namespace vireo

#include "driver/kept_driver_events.h"
#include "driver/kept_driver_recovery.h"
#include "driver/kept_driver_start.h"
