// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/vmm_driver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "driver/vmm/vmm_filter.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

VmmDriver::VmmDriver(VmmOptions options)
    : options_(std::move(options)),
      output_(options_.log_dir),
      info_{"vmm", {"unikernel.vireo.kvm"}, {PortKind::tap}},
      background_(std::make_unique<Worker>()) {}

VmmDriver::~VmmDriver() {
  rest();
  background_.reset();
  if (keeper_) (void)groups_.remove();  // refused while it has groups
}

Result<std::unique_ptr<VmmDriver>> VmmDriver::open(const VmmOptions& options) {
  std::unique_ptr<VmmDriver> driver(new VmmDriver(options));
  driver->events_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!driver->events_) return system_error("cannot make an event queue");
  std::string program = TRY(read_file(options.vmm_program));
  driver->vmm_ = TRY(sealed_memory("vireo-vmm", program));
  driver->filter_ = TRY(vmm_filter());
  driver->kvm_ = open_kvm();
  driver->probe_ = probe_kvm(driver->kvm_);
  driver->network_ = TRY(new_network_namespace());
  TRY(driver->output_.make_directory());
  const size_t own = std::hash<std::string>()(options.state_dir);
  std::string name = options.cgroup_name;
  if (name.empty()) name = fmt::format("vireo-vmm-{:08x}", static_cast<uint32_t>(own));
  driver->ranges_ = std::make_unique<IdRanges>(options.ids, static_cast<unsigned>(own % 10'000));
  driver->groups_ = TRY(CgroupTree::open(name, options.cgroup_root));
  TRY(driver->connect_keeper());
  driver->sweep_leftovers();
  return driver;
}

HostSupport VmmDriver::check_host() {
  HostSupport support;
  support.needs = {"KVM: /dev/kvm, readable and writable"};
  support.how = text_of(probe_) + ", one process a machine";
  if (!probe_.runs_user_mode()) support.missing.push_back(probe_.why);
  support.possible = support.missing.empty();
  return support;
}

Result<VmmDriver::Known> VmmDriver::find(const InstanceId& id) {
  std::lock_guard lock(mutex_);
  auto found = machines_.find(id);
  if (found == machines_.end())
    return Error{Errc::not_found, fmt::format("there is no virtual machine {}", id)};
  return found->second;
}

std::shared_ptr<KeeperClient> VmmDriver::keeper() {
  std::lock_guard lock(mutex_);
  return keeper_;
}

void VmmDriver::watch(int fd, uint32_t what) {
  epoll_event event{};
  event.events = what;
  event.data.fd = fd;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, fd, &event);
}

void VmmDriver::watch_agent(const Known& machine) {
  const int agent = machine->agent->fd().get();
  agents_[agent] = machine;
  watch(agent, EPOLLIN | EPOLLONESHOT);
}

std::vector<std::string> VmmDriver::log_paths(const InstanceId& id) {
  auto machine = find(id);
  return output_.paths(id, machine ? (*machine)->entry : "");
}

// Behind the removal of its last generation, which leaves the file.
void VmmDriver::forget_output(const InstanceId& id) {
  background_->post([this, id] { output_.forget(id); });
}

Result<Fd> VmmDriver::network_namespace(const InstanceId& id) {
  return Error{Errc::unsupported, fmt::format("{} is a virtual machine: it has no namespace", id)};
}

Result<int> VmmDriver::pid(const InstanceId& id) {
  Known machine = TRY(find(id));
  std::lock_guard lock(mutex_);
  return machine->pid;
}

Result<void> VmmDriver::stop(const InstanceId& id, StopKind kind) {
  auto found = find(id);
  if (!found) return {};
  std::lock_guard lock(mutex_);
  if ((*found)->state == InstanceState::exited) return {};
  if (!keeper_) return Error{Errc::unavailable, "the keeper is not running"};
  if (kind == StopKind::kill && !std::exchange((*found)->record.killed, true))
    (void)keeper_->hold((*found)->entry, to_text((*found)->record), {});
  const int signal = kind == StopKind::ask ? SIGTERM : SIGKILL;
  return keeper_->signal((*found)->entry, signal);
}

Result<void> VmmDriver::destroy(const InstanceId& id) {
  Known known;
  {
    std::lock_guard lock(mutex_);
    auto found = machines_.find(id);
    if (found == machines_.end()) return {};
    known = found->second;
    machines_.erase(found);
    entries_.erase(known->entry);
  }
  forget(known);
  return {};
}

void VmmDriver::forget(const Known& machine) {
  end(machine);
  background_->post([this, known = machine]() mutable { clean_up(std::move(known)); });
}

void VmmDriver::end(const Known& machine) {
  if (machine->agent)
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, machine->agent->fd().get(), nullptr);
  if (auto link = keeper()) (void)link->drop(machine->entry);
  std::lock_guard lock(mutex_);
  std::erase(begun_, machine);
}

// Slow: on the background thread.
void VmmDriver::clean_up(Known machine) {
  auto removed = machine->cgroup.remove();
  if (!removed) spdlog::warn("{}", removed.error().message);
  if (auto link = keeper()) (void)link->settle();
  output_.keep(machine->entry, machine->record.id);
  const IdRanges::Range range = machine->record.range;
  machine.reset();
  ranges_->give_back(range);
}

Result<std::vector<InstanceStatus>> VmmDriver::list() {
  std::lock_guard lock(mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [id, known] : machines_)
    all.push_back({id, known->state, known->exit, known->record.technology, known->ready});
  return all;
}

std::vector<InstanceUsage> VmmDriver::usage(std::span<const InstanceId> ids) {
  std::vector<InstanceUsage> all;
  for (const InstanceId& id : ids) {
    auto found = find(id);
    if (!found) continue;
    CgroupUsage usage = (*found)->cgroup.usage();
    all.push_back({id, usage.cpu_ns, usage.memory, usage.memory_peak, usage.pids});
  }
  return all;
}

std::string VmmDriver::start_tier(const InstanceId& id) {
  auto found = find(id);
  return found ? std::string(to_text((*found)->tier)) : "";
}

// The guest's memory is what it was started with.
Result<void> VmmDriver::resize(const InstanceId& id, const Resources& resources) {
  Known known = TRY(find(id));
  TRY(known->cgroup.limit({.cpus = resources.cpus}));
  return known->cgroup.gather();
}

}  // namespace vireo
