// SPDX-License-Identifier: Apache-2.0
// What the keeper holds for a daemon that is gone.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "driver/container/container_driver.h"
#include "driver/function_start.h"
#include "host/files.h"

namespace vireo {

void ContainerDriver::adopt(const KeeperEntry& entry) {
  auto record = record_from_text(entry.text);
  if (!record) {
    // What was running inside an instance for a daemon that is gone.
    if (entry.name.starts_with("container-exec-")) (void)keeper()->drop(entry.name);
    return;
  }
  auto [known, held] = begin_adoption(entry, *record);
  auto take = [&held = held](unsigned which) {
    return which < held.size() ? std::move(held[which]) : Fd();
  };
  if (!entry.ended && entry.pid > 0)
    known->pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, entry.pid, 0)));
  const bool spare = record->id == "~" + entry.name;
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
  if (record->function && held.size() > held_agent) {
    known->vitals = take(held_vitals);
    known->ready = says_ready(known->vitals);
    known->agent = std::make_shared<FunctionAgent>(UnixSocket(take(held_agent)));
  }
  // Interrupted half-way, or a spare whose process ended: nothing that anybody has seen.
  if (!whole || (spare && entry.ended)) return forget(known);
  end_adoption(entry, known);
}

void ContainerDriver::sweep(const std::set<std::string>& alive) {
  const std::string roots = state_dir_ + "/roots";
  for (const std::string& name : list_directory(roots).value_or({}))
    if (!alive.contains(name))
      background_->post([path = fmt::format("{}/{}", roots, name)] { (void)remove_tree(path); });
}

}  // namespace vireo
