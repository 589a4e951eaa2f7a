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
  if (ahead && !spec.function) TRY(let_run(shell));
  watch_of.mark("container enter");
  return {};
}

Result<void> ContainerDriver::start(const InstanceId& shell, const InstanceSpec& spec,
                                    std::vector<PortEndpoint> ports, std::vector<Phase>* phases) {
  Known known = TRY(begin_start(shell, spec));
  if (!known) return {};
  {
    std::lock_guard lock(mutex_);
    known->record.stop_signal = spec.process.stop_signal;
    known->record.function = spec.function.has_value();
  }
  Rollback undo([&] { (void)destroy(spec.id); });
  TRY_IN(fmt::format("start {}", spec.id), run_in(*known, spec, ports, phases));
  undo.dismiss();
  end_start(known, std::move(ports));
  return {};
}

// Waking the keeper takes as long as a start. Until then its record is a spare's, which a daemon
// that comes later removes like an instance without a row.
void ContainerDriver::rest() {
  auto link = keeper();
  for (const Known& each : take_begun()) {
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
