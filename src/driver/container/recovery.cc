// SPDX-License-Identifier: Apache-2.0
// After a restart of the daemon, or the death of the keeper.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "driver/container/container_driver.h"
#include "driver/function_start.h"
#include "host/files.h"

namespace vireo {

constexpr std::string_view entry_prefix = "container-";

static unsigned long number_of(std::string_view entry) {
  return parse_number(entry.substr(entry_prefix.size())).value_or(0);
}

Result<std::vector<KeeperEntry>> ContainerDriver::link_keeper() {
  std::shared_ptr<KeeperClient> link =
      TRY(KeeperClient::connect(options_.runtime_dir, options_.keeper_program));
  std::vector<KeeperEntry> known = TRY(link->list());
  std::lock_guard lock(mutex_);
  keeper_ = link;
  watch(link->event_fd(), false);
  return known;
}

Result<void> ContainerDriver::connect_keeper() {
  for (const KeeperEntry& entry : TRY(link_keeper())) {
    auto record = record_from_text(entry.text);
    if (record) adopt(entry, *record);
    // What was running inside an instance for a daemon that is gone.
    else if (entry.name.starts_with("container-exec-"))
      (void)keeper()->drop(entry.name);
  }
  return {};
}

void ContainerDriver::adopt(const KeeperEntry& entry, const ContainerRecord& record) {
  auto taken = keeper()->take(entry.name);
  std::vector<Fd> held = taken ? std::move(*taken) : std::vector<Fd>();
  auto known = std::make_shared<Container>();
  auto take = [&](unsigned which) { return which < held.size() ? std::move(held[which]) : Fd(); };
  known->record = record;
  known->entry = entry.name;
  known->pid = entry.pid;
  known->cgroup = groups_.at(entry.name);
  if (!entry.ended && entry.pid > 0)
    known->pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, entry.pid, 0)));
  const bool spare = record.id == "~" + entry.name;
  known->held = static_cast<unsigned>(std::min<size_t>(held.size(), held_vitals));
  const bool whole = held.size() > (spare ? held_mounts : held_plan);
  known->state = spare ? InstanceState::spare : InstanceState::running;
  if (spare) {
    known->network = take(held_network);
    known->user = take(held_user);
    known->control = UnixSocket(take(held_control));
    known->files = take(held_files);
  }
  known->plan = take(held_plan);
  if (record.function && held.size() > held_agent) {
    known->vitals = take(held_vitals);
    known->ready = says_ready(known->vitals);
    known->agent = std::make_shared<FunctionAgent>(UnixSocket(take(held_agent)));
  }
  {
    std::lock_guard lock(mutex_);
    ranges_->adopt(record.range);
    next_ = std::max(next_, number_of(entry.name) + 1);
  }
  // Interrupted half-way, or a spare whose process ended: nothing that anybody has seen.
  if (!whole || (spare && entry.ended)) return forget(known);
  std::lock_guard lock(mutex_);
  containers_[record.id] = known;
  entries_[entry.name] = known;
  if (known->agent) watch(known->agent->fd().get(), true);
  if (!entry.ended) return;
  known->state = InstanceState::exited;
  known->exit = known->reason_of(entry.wait_status);
}

// Control groups, directories and output of instances that no keeper knows: theirs has died.
void ContainerDriver::sweep_leftovers() {
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
  std::string roots = options_.state_dir + "/roots";
  for (const std::string& name : list_directory(roots).value_or({}))
    if (!alive.contains(name))
      background_->post([path = fmt::format("{}/{}", roots, name)] { (void)remove_tree(path); });
  output_.sweep(entry_prefix, alive);
}

void ContainerDriver::lose(const Known& known, SteadyTime at, std::vector<DriverEvent>& events) {
  known->cgroup.kill();
  if (known->state == InstanceState::spare || known->exit) return;
  known->exit = ExitReason{ExitKind::lost, 0};
  known->state = InstanceState::exited;
  events.push_back({DriverEvent::Kind::exited, known->record.id, at, *known->exit});
}

// Nobody reaps or drains what it started: all of that is ended. Others may go on.
void ContainerDriver::keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events) {
  {
    std::lock_guard lock(mutex_);
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, keeper_->event_fd(), nullptr);
    keeper_.reset();
  }
  spdlog::error("a keeper ended: its containers are lost");
  auto kept = link_keeper();
  if (!kept) spdlog::error("{}", kept.error().message);
  std::map<std::string, KeeperEntry> there;
  if (kept)
    for (KeeperEntry& entry : *kept) there.emplace(entry.name, std::move(entry));
  std::vector<InstanceId> spares;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, known] : containers_) {
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
