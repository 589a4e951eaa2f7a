// SPDX-License-Identifier: Apache-2.0
#include "driver/container/container_driver.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "driver/container/plan/container_plan.h"
#include "driver/container/plan/enter_plan.h"
#include "driver/container/plan/seccomp_filter.h"
#include "driver/kept_driver_calls.h"
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

template class KeptDriver<Container>;

ContainerDriver::ContainerDriver(const ContainerOptions& options)
    : KeptDriver({"container", {"container"}, {PortKind::veth, PortKind::tap, PortKind::packet}},
                 {"vireo-", "container-", "container"}, options),
      state_dir_(options.state_dir) {}

ContainerDriver::~ContainerDriver() {
  rest();
  background_.reset();
}

Result<std::unique_ptr<ContainerDriver>> ContainerDriver::open(const ContainerOptions& options) {
  std::unique_ptr<ContainerDriver> driver(new ContainerDriver(options));
  TRY(driver->open_place(options));
  driver->pending_signal_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!driver->pending_signal_) return system_error("cannot make an event queue");
  driver->watch(driver->pending_signal_.get(), EPOLLIN);
  std::string program = TRY(read_file(options.enter_program));
  driver->enter_ = TRY(sealed_memory("vireo-enter", program));
  driver->filter_ = TRY(make_filter());
  TRY(make_directories(options.state_dir + "/roots", 0700));
  driver->room_ = TRY(MountRoom::open(options.state_dir + "/room"));
  TRY(driver->recover());
  return driver;
}

std::string ContainerDriver::upper_of(const Container& container) const {
  return fmt::format("{}/roots/{}", state_dir_, container.entry);
}

Result<Fd> ContainerDriver::network_namespace(const InstanceId& id) {
  Known container = TRY(find(id));
  std::lock_guard lock(mutex_);
  return namespace_of(container->pid, "net");
}

Result<void> ContainerDriver::stop(const InstanceId& id, StopKind kind) {
  auto found = find(id);
  if (!found) return {};
  int signal = SIGKILL;
  auto link = keeper();
  {
    std::lock_guard lock(mutex_);
    if ((*found)->state == InstanceState::exited) return {};
    if (kind == StopKind::ask) signal = (*found)->record.stop_signal;
    if (kind == StopKind::kill && !std::exchange((*found)->record.killed, true) && link)
      (void)link->hold((*found)->entry, to_text((*found)->record), {});
  }
  // As with Docker, the entry point is process 1: a signal it has no handler for does nothing, and
  // whoever asks kills after the grace.
  if (::syscall(SYS_pidfd_send_signal, (*found)->pidfd.get(), signal, nullptr, 0) != 0 &&
      errno != ESRCH)
    return system_error(fmt::format("cannot signal {}", id));
  return (*found)->cgroup.thaw();  // one that stands still does not see a signal
}

// What waits for the kernel is done by the background thread: the control group empties, mounts
// and namespaces go with their last descriptors.
void ContainerDriver::end(const Known& container) {
  if (container->pidfd)
    ::syscall(SYS_pidfd_send_signal, container->pidfd.get(), SIGKILL, nullptr, 0);
  KeptDriver::end(container);
}

void ContainerDriver::clear(const Container& container) {
  auto cleared = remove_tree(upper_of(container));
  if (!cleared) spdlog::warn("{}", cleared.error().message);
}

void ContainerDriver::settle() {
  (void)background_->run<void>([] { return Result<void>(); });
}

Result<void> ContainerDriver::resize(const InstanceId& id, const Resources& resources) {
  Known known = TRY(find(id));
  return known->cgroup.limit(
      {resources.memory, resources.cpus, resources.pids == 0 ? default_pids : resources.pids});
}

// The control group knows by itself whether it stands still: a daemon that comes later asks it.
Result<void> ContainerDriver::pause(const InstanceId& id) {
  const Known known = TRY(find_running(id));
  if (!known->cgroup.frozen()) TRY_IN("pause " + id, known->cgroup.freeze());
  return {};
}

Result<void> ContainerDriver::resume(const InstanceId& id) {
  const Known known = TRY(find_running(id));
  TRY_IN("resume " + id, known->cgroup.thaw());
  return {};
}

bool ContainerDriver::paused(const InstanceId& id) {
  auto known = find(id);
  return known && (*known)->cgroup.frozen();
}

}  // namespace vireo
