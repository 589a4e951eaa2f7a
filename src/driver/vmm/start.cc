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

bool is_limited(const Resources& resources) { return resources.memory != 0 || resources.cpus != 0; }

// Behind the start, which would wait. The guest's memory is limited by its size already.
void join(const Cgroup& group, int pid) {
  auto joined = group.join(pid);
  if (!joined) spdlog::warn("{}", joined.error().message);
}

}  // namespace

Result<void> VmmDriver::fork_vmm(VirtualMachine& shell) {
  auto [ours, theirs] = TRY(UnixSocket::pair(SocketKind::packets));
  ForkRequest request;
  request.name = shell.entry;
  request.text = to_text(shell.record);
  request.argument = first_id(shell.record.range.number);
  request.fds = {theirs.fd().get()};
  request.hold = {ours.fd().get()};
  request.log_file = output_.of(shell.entry);
  shell.pid = TRY(fork(std::move(request))).pid;
  shell.agent = std::make_shared<FunctionAgent>(std::move(ours));
  return {};
}

Result<VmmDriver::Known> VmmDriver::make_shell() {
  Known shell = TRY(reserve());
  Rollback undo([&] { forget(shell); });
  shell->cgroup = groups_.at(shell->entry);  // there once something is limited
  TRY_IN("prepare a virtual machine", fork_vmm(*shell));
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
  know(shell);
  return Shell{shell->record.id, {}};
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
    TRY(groups_.create_limited(shell.entry, {spec.resources.memory == 0 ? 0 : memory + own_memory,
                                             spec.resources.cpus, 0}));
  const bool ahead = shell.loaded.has_value();
  if (!ahead) shell.tier = TRY(load(shell, spec));
  watch_of.mark("vmm load", std::string(to_text(shell.tier)));
  Result<void> begun = begin(shell, spec, ports);
  // One that has ended already has said why.
  if (shell.tier == StartTier::cold) TRY(await_loaded(shell));
  TRY(std::move(begun));
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
  if (is_limited(spec.resources)) background_->post([known] { join(known->cgroup, known->pid); });
  end_start(known, std::move(ports));
  return {};
}

// Until then the record is a spare's, which a daemon that comes later removes like an instance
// without a row.
void VmmDriver::rest() {
  auto link = keeper();
  for (const Known& each : take_begun()) {
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
