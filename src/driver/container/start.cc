// SPDX-License-Identifier: Apache-2.0
// The path of a start in the driver: everything here is waited for.
#include <fmt/format.h>

#include "base/rollback.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "driver/container/load.h"
#include "driver/function_start.h"
#include "driver/stopwatch.h"

namespace vireo {

// The spare becomes the instance at once, so that a second start of the same id finds it. Nothing:
// the id runs already.
Result<ContainerDriver::Known> ContainerDriver::begin_start(const InstanceId& shell,
                                                            const InstanceSpec& spec) {
  std::lock_guard lock(mutex_);
  auto running = containers_.find(spec.id);
  if (running != containers_.end() && spec.id != shell) {
    if (running->second->state == InstanceState::running) return Known();
    return Error{Errc::conflict, fmt::format("{} exists and does not run", spec.id)};
  }
  auto found = containers_.find(shell);
  if (found == containers_.end() || found->second->state != InstanceState::spare)
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  Known known = found->second;
  if (known->loaded && !same_program(*known->loaded, spec))
    return Error{Errc::conflict, fmt::format("another program is loaded in {}", shell)};
  containers_.erase(found);
  known->state = InstanceState::starting;
  known->record.id = spec.id;
  known->record.technology = spec.technology;
  known->record.image_digest = spec.image_digest;
  known->record.stop_signal = spec.process.stop_signal;
  known->record.function = spec.function.has_value();
  containers_[spec.id] = known;
  return known;
}

// A libvnf function waits for its first message wherever it is: it is sent ahead.
Result<void> ContainerDriver::begin_function(Container& shell, const InstanceSpec& spec,
                                             const std::vector<PortEndpoint>& ports) {
  FunctionMemory memory = TRY(make_function_memory(spec));
  std::vector<int> fds = {memory.vitals.get(), memory.identity.get()};
  for (const PortEndpoint& port : ports)
    if (port.fd) fds.push_back(port.fd.get());
  TRY(shell.agent->begin(fds));
  shell.vitals = std::move(memory.vitals);
  return {};
}

Result<void> ContainerDriver::run_in(Container& shell, const InstanceSpec& spec,
                                     const std::vector<PortEndpoint>& ports,
                                     std::vector<Phase>* phases) {
  Stopwatch watch_of(phases);
  const EnterRequest request = TRY(enter_request(spec));
  const Resources& wanted = spec.resources;
  if (wanted.memory != 0 || wanted.cpus != 0 || wanted.pids != 0)
    TRY(shell.cgroup.limit(
        {wanted.memory, wanted.cpus, wanted.pids == 0 ? default_pids : wanted.pids}));
  const bool ahead = shell.loaded.has_value();
  if (ahead)
    TRY(adapt(shell, spec));
  else
    TRY(load(shell, spec, request, ports));
  watch_of.mark("container load", ahead ? "ahead" : "");
  if (spec.function) TRY(begin_function(shell, spec, ports));
  if (!ahead) TRY(await_program(shell, request));
  if (ahead && !spec.function) TRY(resume(shell));
  watch_of.mark("container enter");
  return {};
}

Result<void> ContainerDriver::start(const InstanceId& shell, const InstanceSpec& spec,
                                    std::vector<PortEndpoint> ports, std::vector<Phase>* phases) {
  Known known = TRY(begin_start(shell, spec));
  if (!known) return {};
  Rollback undo([&] { (void)destroy(spec.id); });
  TRY_IN(fmt::format("start {}", spec.id), run_in(*known, spec, ports, phases));
  undo.dismiss();
  std::lock_guard lock(mutex_);
  if (known->state == InstanceState::starting) known->state = InstanceState::running;
  if (known->agent) watch(known->agent->fd().get(), true);
  known->ports = std::move(ports);
  begun_.push_back(known);
  return {};
}

// Waking the keeper takes as long as a start. Until then its record is a spare's, which a daemon
// that comes later removes like an instance without a row.
void ContainerDriver::rest() {
  std::vector<Known> begun;
  {
    std::lock_guard lock(mutex_);
    begun.swap(begun_);
  }
  auto link = keeper();
  for (const Known& each : begun) {
    Container& container = *each;
    if (link) (void)link->hold(container.entry, to_text(container.record), container.not_held());
    // The keeper has them: closing here is no last close.
    std::lock_guard lock(mutex_);
    container.control = UnixSocket();
    for (Fd* fd : {&container.files, &container.network, &container.user}) *fd = Fd();
    container.ports.clear();
    container.loaded.reset();
  }
}

}  // namespace vireo
