// SPDX-License-Identifier: Apache-2.0
// Shells, images, and the path of a start.
#include <fcntl.h>
#include <fmt/format.h>

#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "driver/function_start.h"
#include "driver/stopwatch.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"
#include "unikernel/machine.h"
#include "vmm/vmm_protocol.h"

namespace vireo {

namespace {

using namespace std::chrono_literals;
constexpr uint64_t usual_memory = 16u << 20;
constexpr uint64_t own_memory = 4u << 20;  // of the VMM beside the guest's
constexpr uint64_t most_processes = 4;
constexpr auto longest_load = 5s;

Result<uint64_t> guest_memory(const InstanceSpec& spec) {
  const uint64_t memory = spec.resources.memory == 0 ? usual_memory : spec.resources.memory;
  if (memory < machine::smallest_memory || memory > machine::largest_memory)
    return Error{Errc::invalid,
                 fmt::format("a unikernel runs with {} to {} of memory, not with {}",
                             bytes_text(machine::smallest_memory),
                             bytes_text(machine::largest_memory), bytes_text(memory))};
  return memory / machine::large_page_bytes * machine::large_page_bytes;
}

Result<TemplateKey> template_key(const InstanceSpec& spec) {
  return TemplateKey{spec.image_digest, TRY(guest_memory(spec)),
                     static_cast<uint32_t>(spec.ports.size())};
}

// In the uppermost layer that has one.
Result<Fd> unikernel_of(const InstanceSpec& spec) {
  if (!spec.function)
    return Error{Errc::unsupported, "this image is no libvnf function: run it as `container`"};
  for (size_t i = spec.root.layers.size(); i-- > 0;) {
    Fd file(
        ::open((spec.root.layers[i] + "/function.elf").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file) return file;
  }
  return Error{Errc::unsupported,
               "this image has no unikernel (no file /function.elf): build it anew with `vireo "
               "image build`, or run it as `container`"};
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
  std::vector<Fd> files = TRY(shell.cgroup.procs_files());
  for (const Fd& file : files) request.cgroup_procs.push_back(file.get());
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
  shell->cgroup = TRY(groups_.create(shell->entry));
  TRY(shell->cgroup.limit({.pids = most_processes}));
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

Result<StartTier> VmmDriver::load(VirtualMachine& shell, const InstanceSpec& spec) {
  const TemplateKey key = TRY(template_key(spec));
  const vmm::LoadRequest request{key.memory_bytes, key.port_count, 0};
  Fd image = TRY(unikernel_of(spec));
  std::shared_ptr<const Fd> kept;
  if (options_.quickest >= StartTier::fork) kept = templates_.find(key);
  const int fds[] = {image.get(), kept ? kept->get() : -1};
  TRY(shell.agent->send(vmm::message_load,
                        {reinterpret_cast<const char*>(&request), sizeof request},
                        std::span(fds, kept ? 2 : 1)));
  return kept ? StartTier::fork : StartTier::cold;
}

Result<void> VmmDriver::load_and_wait(VirtualMachine& shell, const InstanceSpec& spec) {
  TRY(load(shell, spec));
  return shell.agent->await(vmm::message_loaded, longest_load);
}

// The shell waits for its identity, and does so afterwards.
Result<void> VmmDriver::keep_template(VirtualMachine& shell, const InstanceSpec& spec) {
  const TemplateKey key = TRY(template_key(spec));
  if (templates_.find(key)) return {};
  Fd file = TRY(new_template(key.memory_bytes));
  const int fds[] = {file.get()};
  TRY(shell.agent->send(vmm::message_save, {}, fds));
  TRY(shell.agent->await(vmm::message_saved, longest_load));
  TRY(seal(file));
  templates_.keep(key, std::move(file));
  return {};
}

// Behind a cold start: the next one shall find a template. An image that fails at this is not tried
// again.
void VmmDriver::want_template(const InstanceSpec& spec) {
  auto key = template_key(spec);
  if (options_.quickest < StartTier::fork || !key || !templates_.claim(*key)) return;
  std::lock_guard lock(mutex_);
  wanted_.push_back(spec);
}

void VmmDriver::make_wanted_templates() {
  std::vector<InstanceSpec> wanted;
  {
    std::lock_guard lock(mutex_);
    wanted.swap(wanted_);
  }
  for (InstanceSpec& spec : wanted)
    background_->post([this, spec = std::move(spec)] {
      auto made = make_template(spec);
      if (!made) spdlog::warn("{} starts cold: {}", spec.image_digest, made.error().message);
    });
}

// In a machine that nobody else knows.
Result<void> VmmDriver::make_template(const InstanceSpec& spec) {
  Known shell = TRY(make_shell());
  Rollback gone([&] {
    end(shell);
    clean_up(std::move(shell));
  });
  TRY(load_and_wait(*shell, spec));
  return keep_template(*shell, spec);
}

Result<void> VmmDriver::rehearse(VirtualMachine& shell, const InstanceSpec& like) {
  const TemplateKey key = TRY(template_key(like));
  const std::shared_ptr<const Fd> kept = templates_.find(key);
  if (!kept) return {};
  const std::string made_up = TRY(make_identity(like));
  if (made_up.size() > vnf::agent_chunk_bytes) return {};  // it goes by a file, and stays parked
  Fd vitals = TRY(make_vitals());
  const int fds[] = {kept->get(), vitals.get()};
  TRY(shell.agent->send(vmm::message_rehearse, made_up, fds));
  TRY(shell.agent->await(vmm::message_rehearsed, longest_load));
  shell.vitals = std::move(vitals);
  shell.tier = StartTier::rehearsed;
  return {};
}

Result<void> VmmDriver::preload(const InstanceId& id, const InstanceSpec& like) {
  Known shell = TRY(find(id));
  if (shell->state != InstanceState::spare || shell->loaded)
    return Error{Errc::conflict, fmt::format("{} is no empty spare shell", id)};
  Rollback undo([&] { (void)destroy(id); });
  // A daemon that comes later must not take it for an empty one.
  shell->record.image_digest = like.image_digest;
  if (auto link = keeper()) TRY(link->hold(shell->entry, to_text(shell->record), {}));
  TRY_IN(fmt::format("load {}", like.image_digest), load_and_wait(*shell, like));
  shell->tier = StartTier::parked;
  TRY_IN(fmt::format("keep {}", like.image_digest), keep_template(*shell, like));
  if (options_.quickest >= StartTier::rehearsed)
    TRY_IN(fmt::format("rehearse {}", like.image_digest), rehearse(*shell, like));
  undo.dismiss();
  std::lock_guard lock(mutex_);
  shell->loaded = like;
  return {};
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
  const uint64_t memory = TRY(guest_memory(spec));
  if (spec.resources.memory != 0 || spec.resources.cpus != 0)
    TRY(shell.cgroup.limit({spec.resources.memory == 0 ? 0 : memory + own_memory,
                            spec.resources.cpus, most_processes}));
  const bool ahead = shell.loaded.has_value();
  if (!ahead) shell.tier = TRY(load(shell, spec));
  watch_of.mark("vmm load", std::string(to_text(shell.tier)));
  TRY(begin(shell, spec, ports));
  if (shell.tier == StartTier::cold) TRY(shell.agent->await(vmm::message_loaded, longest_load));
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
