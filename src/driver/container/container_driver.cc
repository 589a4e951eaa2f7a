// SPDX-License-Identifier: Apache-2.0
#include "driver/container/container_driver.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "driver/container/plan/container_plan.h"
#include "driver/container/plan/enter_plan.h"
#include "driver/container/plan/seccomp_filter.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

namespace {

Result<Fd> make_filter() {
  EnterFilter head{0, grantable_capabilities()};
  if (::getrandom(&head.key, sizeof head.key, 0) != sizeof head.key)
    return system_error("cannot get random bytes");
  std::vector<sock_filter> program = TRY(seccomp_filter(head.key));
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes.append(reinterpret_cast<const char*>(program.data()), program.size() * sizeof program[0]);
  return sealed_memory("vireo-filter", bytes);
}

}  // namespace

ContainerDriver::ContainerDriver(ContainerOptions options)
    : options_(std::move(options)),
      output_(options_.log_dir),
      info_{"container", {"container"}, {PortKind::veth, PortKind::tap, PortKind::packet}},
      background_(std::make_unique<Worker>()) {}

ContainerDriver::~ContainerDriver() {
  rest();
  background_.reset();
  if (keeper_) (void)groups_.remove();  // refused while it has groups
}

Result<std::unique_ptr<ContainerDriver>> ContainerDriver::open(const ContainerOptions& options) {
  std::unique_ptr<ContainerDriver> driver(new ContainerDriver(options));
  driver->events_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  driver->pending_signal_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!driver->events_ || !driver->pending_signal_)
    return system_error("cannot make an event queue");
  driver->watch(driver->pending_signal_.get(), false);
  std::string program = TRY(read_file(options.enter_program));
  driver->enter_ = TRY(sealed_memory("vireo-enter", program));
  driver->filter_ = TRY(make_filter());
  TRY(make_directories(options.state_dir + "/roots", 0700));
  TRY(driver->output_.make_directory());
  const size_t own = std::hash<std::string>()(options.state_dir);
  std::string name = options.cgroup_name;
  if (name.empty()) name = fmt::format("vireo-{:08x}", static_cast<uint32_t>(own));
  // Daemons of one host, each with a store of its own, begin apart in the host's ids too.
  driver->ranges_ = std::make_unique<IdRanges>(options.ids, static_cast<unsigned>(own % 10'000));
  driver->groups_ = TRY(CgroupTree::open(name, options.cgroup_root));
  driver->room_ = TRY(MountRoom::open(options.state_dir + "/room"));
  TRY(driver->connect_keeper());
  driver->sweep_leftovers();
  return driver;
}

Result<ContainerDriver::Known> ContainerDriver::find(const InstanceId& id) {
  std::lock_guard lock(mutex_);
  auto found = containers_.find(id);
  if (found == containers_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  return found->second;
}

std::shared_ptr<KeeperClient> ContainerDriver::keeper() {
  std::lock_guard lock(mutex_);
  return keeper_;
}

void ContainerDriver::watch(int fd, bool once) {
  epoll_event event{};
  event.events = EPOLLIN | (once ? EPOLLONESHOT : 0u);
  event.data.fd = fd;
  if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, fd, &event);
}

std::string ContainerDriver::upper_of(const Container& container) const {
  return fmt::format("{}/roots/{}", options_.state_dir, container.entry);
}

std::vector<std::string> ContainerDriver::log_paths(const InstanceId& id) {
  auto container = find(id);
  return output_.paths(id, container ? (*container)->entry : "");
}

// Behind the removal of its last generation, which leaves the file.
void ContainerDriver::forget_output(const InstanceId& id) {
  background_->post([this, id] { output_.forget(id); });
}

Result<Fd> ContainerDriver::network_namespace(const InstanceId& id) {
  Known container = TRY(find(id));
  std::lock_guard lock(mutex_);
  return namespace_of(container->pid, "net");
}

Result<int> ContainerDriver::pid(const InstanceId& id) {
  Known container = TRY(find(id));
  std::lock_guard lock(mutex_);
  return container->pid;
}

Result<void> ContainerDriver::stop(const InstanceId& id, StopKind kind) {
  auto found = find(id);
  if (!found) return {};
  int signal = SIGKILL;
  {
    std::lock_guard lock(mutex_);
    if ((*found)->state == InstanceState::exited) return {};
    if (kind == StopKind::ask) signal = (*found)->record.stop_signal;
    if (kind == StopKind::kill && !std::exchange((*found)->record.killed, true) && keeper_)
      (void)keeper_->hold((*found)->entry, to_text((*found)->record), {});
  }
  // As with Docker, the entry point is process 1: a signal it has no handler for does nothing, and
  // whoever asks kills after the grace.
  if (::syscall(SYS_pidfd_send_signal, (*found)->pidfd.get(), signal, nullptr, 0) != 0 &&
      errno != ESRCH)
    return system_error(fmt::format("cannot signal {}", id));
  return {};
}

Result<void> ContainerDriver::destroy(const InstanceId& id) {
  Known known;
  {
    std::lock_guard lock(mutex_);
    auto found = containers_.find(id);
    if (found == containers_.end()) return {};
    known = found->second;
    containers_.erase(found);
    entries_.erase(known->entry);
  }
  forget(known);
  return {};
}

// What waits for the kernel is done by the background thread: the control group empties, mounts
// and namespaces go with their last descriptors.
void ContainerDriver::forget(const Known& container) {
  if (container->agent)
    ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, container->agent->fd().get(), nullptr);
  if (container->pidfd)
    ::syscall(SYS_pidfd_send_signal, container->pidfd.get(), SIGKILL, nullptr, 0);
  if (auto link = keeper()) (void)link->drop(container->entry);
  {
    std::lock_guard lock(mutex_);
    std::erase(begun_, container);
  }
  background_->post([this, known = container]() mutable {
    auto removed = known->cgroup.remove();
    if (!removed) spdlog::warn("{}", removed.error().message);
    auto cleared = remove_tree(upper_of(*known));
    if (!cleared) spdlog::warn("{}", cleared.error().message);
    if (auto link = keeper()) (void)link->settle();
    output_.keep(known->entry, known->record.id);
    const IdRanges::Range range = known->record.range;
    known.reset();
    ranges_->give_back(range);
  });
}

void ContainerDriver::settle() {
  (void)background_->run<void>([] { return Result<void>(); });
}

Result<std::vector<InstanceStatus>> ContainerDriver::list() {
  std::lock_guard lock(mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [id, known] : containers_)
    all.push_back({id, known->state, known->exit, known->record.technology, known->ready});
  return all;
}

std::vector<InstanceUsage> ContainerDriver::usage(std::span<const InstanceId> ids) {
  std::vector<InstanceUsage> all;
  for (const InstanceId& id : ids) {
    auto found = find(id);
    if (!found) continue;
    CgroupUsage usage = (*found)->cgroup.usage();
    all.push_back({id, usage.cpu_ns, usage.memory, usage.memory_peak, usage.pids});
  }
  return all;
}

Result<void> ContainerDriver::resize(const InstanceId& id, const Resources& resources) {
  Known known = TRY(find(id));
  return known->cgroup.limit(
      {resources.memory, resources.cpus, resources.pids == 0 ? default_pids : resources.pids});
}

}  // namespace vireo
