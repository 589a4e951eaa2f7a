// SPDX-License-Identifier: Apache-2.0
// Shells, and the path of a start.
#include <fmt/format.h>

#include "base/log.h"
#include "base/rollback.h"
#include "driver/function_start.h"
#include "driver/stopwatch.h"
#include "driver/vmm/vmm_driver.h"
#include "vmm/vmm_protocol.h"

namespace vireo {

namespace {

constexpr uint64_t own_memory = 4u << 20;  // of the VMM beside the guest's
constexpr uint64_t most_processes = 4;

bool is_limited(const Resources& resources) { return resources.memory != 0 || resources.cpus != 0; }

// Behind the start, which would wait. The guest's memory is limited by its size already.
void join(const Cgroup& group) {
  auto joined = group.gather();
  if (!joined) spdlog::warn("{}", joined.error().message);
}

}  // namespace

Result<VmmDriver::Known> VmmDriver::reserve() {
  auto shell = std::make_shared<VirtualMachine>();
  shell->record.range = TRY(ranges_->take());
  std::lock_guard lock(mutex_);
  shell->entry = fmt::format("vmm-{}", next_++);
  shell->record.id = "~" + shell->entry;
  shell->record.technology = info_.technologies.front();
  return shell;
}

Result<void> VmmDriver::spawn(VirtualMachine& shell) {
  auto [ours, theirs] = TRY(UnixSocket::pair(SocketKind::packets));
  SpawnRequest request;
  request.name = shell.entry;
  request.text = to_text(shell.record);
  request.executable = vmm_.get();
  request.arguments = {"vireo-vmm", fmt::format("{}", first_id(shell.record.range.number))};
  request.fds = {theirs.fd().get(), kvm_.get(), filter_.get(), network_.get()};
  request.hold = {ours.fd().get()};
  request.log_file = output_.of(shell.entry);
  Fd group = TRY(shell.cgroup.directory());
  if (group) request.cgroup = group.get();
  std::vector<Fd> files = TRY(shell.cgroup.task_files());
  for (const Fd& file : files) request.cgroup_tasks.push_back(file.get());
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  Spawned spawned = TRY(link->spawn(request));
  shell.pid = spawned.pid;
  shell.agent = std::make_shared<FunctionAgent>(std::move(ours));
  return {};
}

Result<VmmDriver::Known> VmmDriver::make_shell() {
  Known shell = TRY(reserve());
  Rollback undo([&] { forget(shell); });
  shell->cgroup = TRY(groups_.create_limited(shell->entry, {.pids = most_processes}));
  TRY_IN("prepare a virtual machine", spawn(*shell));
  undo.dismiss();
  return shell;
}

Result<Shell> VmmDriver::prepare(const ShellShape& shape) {
  if (shape.technology != info_.technologies.front())
    return Error{Errc::unsupported,
                 fmt::format("the VMM driver does not run {}", shape.technology)};
  if (!probe_.runs_user_mode()) return Error{Errc::unsupported, probe_.why};
  Known shell = TRY(make_shell());
  std::lock_guard lock(mutex_);
  machines_[shell->record.id] = shell;
  entries_[shell->entry] = shell;
  return Shell{shell->record.id, {}};
}

// The spare becomes the instance at once, so that a second start of the same id finds it. Nothing:
// the id runs already.
Result<VmmDriver::Known> VmmDriver::begin_start(const InstanceId& shell, const InstanceSpec& spec) {
  std::lock_guard lock(mutex_);
  auto running = machines_.find(spec.id);
  if (running != machines_.end() && spec.id != shell) {
    if (running->second->state == InstanceState::running) return Known();
    return Error{Errc::conflict, fmt::format("{} exists and does not run", spec.id)};
  }
  auto found = machines_.find(shell);
  if (found == machines_.end() || found->second->state != InstanceState::spare)
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  Known known = found->second;
  if (known->loaded && !same_program(*known->loaded, spec))
    return Error{Errc::conflict, fmt::format("another program is loaded in {}", shell)};
  machines_.erase(found);
  known->state = InstanceState::starting;
  known->record.id = spec.id;
  known->record.technology = spec.technology;
  known->record.image_digest = spec.image_digest;
  machines_[spec.id] = known;
  return known;
}

// After a rehearsal all of it is one message.
Result<void> VmmDriver::begin(VirtualMachine& shell, const InstanceSpec& spec,
                              const std::vector<PortEndpoint>& ports) {
  std::vector<int> fds;
  if (shell.vitals) {
    const std::string identity = TRY(make_identity(spec));
    for (const PortEndpoint& port : ports) fds.push_back(port.fd.get());
    if (identity.size() <= vnf::agent_chunk_bytes)
      return shell.agent->send(static_cast<uint32_t>(vnf::AgentMessage::begin), identity, fds,
                               vmm::begin_after_rehearsal);
  }
  FunctionMemory function = TRY(make_function_memory(spec));
  fds = {function.vitals.get(), function.identity.get()};
  for (const PortEndpoint& port : ports) fds.push_back(port.fd.get());
  shell.vitals = std::move(function.vitals);
  return shell.agent->begin(fds);
}

// `begin` is sent without waiting for the image to be loaded: the VMM reads one after the other. Of
// an image that has never run the start fails when it cannot; of a template this is an end like
// others, and the gates can be opened meanwhile.
Result<void> VmmDriver::run_in(VirtualMachine& shell, const InstanceSpec& spec,
                               const std::vector<PortEndpoint>& ports, std::vector<Phase>* phases) {
  Stopwatch watch_of(phases);
  const uint64_t memory = TRY(template_key(spec)).memory_bytes;
  if (is_limited(spec.resources))
    TRY(shell.cgroup.limit({spec.resources.memory == 0 ? 0 : memory + own_memory,
                            spec.resources.cpus, most_processes}));
  const bool ahead = shell.loaded.has_value();
  if (!ahead) shell.tier = TRY(load(shell, spec));
  watch_of.mark("vmm load", std::string(to_text(shell.tier)));
  TRY(begin(shell, spec, ports));
  if (shell.tier == StartTier::cold) TRY(await_loaded(shell));
  watch_of.mark("vmm begin");
  return {};
}

Result<void> VmmDriver::start(const InstanceId& shell, const InstanceSpec& spec,
                              std::vector<PortEndpoint> ports, std::vector<Phase>* phases) {
  for (const PortEndpoint& port : ports)
    if (port.kind != PortKind::tap || !port.fd)
      return Error{Errc::unsupported, "a unikernel takes ports of kind tap"};
  Known known = TRY(begin_start(shell, spec));
  if (!known) return {};
  Rollback undo([&] { (void)destroy(spec.id); });
  TRY_IN(fmt::format("start {}", spec.id), run_in(*known, spec, ports, phases));
  undo.dismiss();
  if (known->tier == StartTier::cold) want_template(spec);
  if (is_limited(spec.resources)) background_->post([group = known->cgroup] { join(group); });
  std::lock_guard lock(mutex_);
  if (known->state == InstanceState::starting) known->state = InstanceState::running;
  watch_agent(known);
  known->ports = std::move(ports);
  begun_.push_back(known);
  return {};
}

// Until then the record is a spare's, which a daemon that comes later removes like an instance
// without a row.
void VmmDriver::rest() {
  std::vector<Known> begun;
  {
    std::lock_guard lock(mutex_);
    begun.swap(begun_);
  }
  auto link = keeper();
  for (const Known& each : begun) {
    std::vector<int> held = {each->vitals.get()};
    for (const PortEndpoint& port : each->ports) held.push_back(port.fd.get());
    if (link) (void)link->hold(each->entry, to_text(each->record), held);
    // The keeper has them: closing here is no last close.
    std::lock_guard lock(mutex_);
    each->ports.clear();
    each->loaded.reset();
  }
  make_wanted_templates();
}

}  // namespace vireo
