// SPDX-License-Identifier: Apache-2.0
// After a restart of the daemon, or the death of the keeper.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "driver/function_start.h"
#include "driver/vmm/vmm_driver.h"

namespace vireo {

constexpr std::string_view entry_prefix = "vmm-";

static unsigned long number_of(std::string_view entry) {
  return parse_number(entry.substr(entry_prefix.size())).value_or(0);
}

Result<std::vector<KeeperEntry>> VmmDriver::link_keeper() {
  std::shared_ptr<KeeperClient> link =
      TRY(KeeperClient::connect(options_.runtime_dir, options_.keeper_program));
  std::vector<KeeperEntry> known = TRY(link->list());
  std::lock_guard lock(mutex_);
  keeper_ = link;
  watch(link->event_fd(), EPOLLIN);
  return known;
}

Result<void> VmmDriver::connect_keeper() {
  for (const KeeperEntry& entry : TRY(link_keeper()))
    if (auto record = vmm_record_from_text(entry.text)) adopt(entry, *record);
  return {};
}

void VmmDriver::adopt(const KeeperEntry& entry, const VmmRecord& record) {
  auto taken = keeper()->take(entry.name);
  std::vector<Fd> held = taken ? std::move(*taken) : std::vector<Fd>();
  auto known = std::make_shared<VirtualMachine>();
  known->record = record;
  known->entry = entry.name;
  known->pid = entry.pid;
  known->cgroup = groups_.at(entry.name);
  {
    std::lock_guard lock(mutex_);
    ranges_->adopt(record.range);
    next_ = std::max(next_, number_of(entry.name) + 1);
  }
  const bool spare = record.id.starts_with('~');
  // A spare may be about to load something that nobody waits for any more; an instance without its
  // vitals was interrupted half-way: nothing that anybody has seen.
  if (spare ? !record.image_digest.empty() || entry.ended || held.empty()
            : held.size() <= vmm_held_vitals)
    return forget(known);
  known->agent = std::make_shared<FunctionAgent>(UnixSocket(std::move(held[vmm_held_agent])));
  std::lock_guard lock(mutex_);
  machines_[record.id] = known;
  entries_[entry.name] = known;
  if (spare) return;
  known->vitals = std::move(held[vmm_held_vitals]);
  known->ready = says_ready(known->vitals);
  known->state = InstanceState::running;
  watch_agent(known);
  if (!entry.ended) return;
  known->state = InstanceState::exited;
  known->exit = known->reason_of(entry.wait_status);
}

// Control groups and output of machines that no keeper knows: theirs has died.
void VmmDriver::sweep_leftovers() {
  std::set<std::string> alive;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [entry, known] : entries_) alive.insert(entry);
  }
  for (const std::string& name : groups_.list()) {
    if (alive.contains(name) || !name.starts_with(entry_prefix)) continue;
    // They go in the background: no new one may have their names.
    next_ = std::max(next_, number_of(name) + 1);
    groups_.at(name).kill();
    background_->post([this, name] {
      auto removed = groups_.at(name).remove();
      if (!removed) spdlog::warn("{}", removed.error().message);
    });
  }
  output_.sweep(entry_prefix, alive);
}

void VmmDriver::lose(const Known& known, SteadyTime at, std::vector<DriverEvent>& events) {
  known->cgroup.kill();
  if (known->state == InstanceState::spare || known->exit) return;
  known->exit = ExitReason{ExitKind::lost, 0};
  known->state = InstanceState::exited;
  events.push_back({DriverEvent::Kind::exited, known->record.id, at, *known->exit});
}

// Nobody reaps or drains what it started: all of that is ended. Others may go on.
void VmmDriver::keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events) {
  {
    std::lock_guard lock(mutex_);
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, keeper_->event_fd(), nullptr);
    keeper_.reset();
  }
  spdlog::error("a keeper ended: its virtual machines are lost");
  auto kept = link_keeper();
  if (!kept) spdlog::error("{}", kept.error().message);
  std::map<std::string, KeeperEntry> there;
  if (kept)
    for (KeeperEntry& entry : *kept) there.emplace(entry.name, std::move(entry));
  std::vector<InstanceId> spares;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, known] : machines_) {
      if (there.contains(known->entry)) continue;
      lose(known, at, events);
      if (known->state == InstanceState::spare) spares.push_back(id);
    }
  }
  for (const InstanceId& spare : spares) (void)destroy(spare);
  // What ended while nobody listened.
  for (const auto& [name, entry] : there)
    if (entry.ended) note_exit({name, entry.wait_status, entry.ended_at_ns}, events);
}

}  // namespace vireo
