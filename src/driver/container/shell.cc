// SPDX-License-Identifier: Apache-2.0
// Shells: everything of a start that does not depend on the instance.
#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/rollback.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

namespace {

Result<void> map_ids(const Container& shell) {
  std::string map = fmt::format("0 {} {}", first_id(shell.record.range.number), ids_of_a_shell);
  TRY(write_existing(fmt::format("/proc/{}/uid_map", shell.pid), map));
  return write_existing(fmt::format("/proc/{}/gid_map", shell.pid), map);
}

}  // namespace

// The process begins as the host's root in a pid namespace: a /proc made by it before it unshares
// the rest needs no unmasked /proc around it, so that we run inside containers too.
Result<void> ContainerDriver::spawn_shell(Container& shell, const UnixSocket& enter_end) {
  SpawnRequest request;
  request.name = shell.entry;
  request.text = to_text(shell.record);
  request.executable = enter_.get();
  request.arguments = {"vireo-enter"};
  request.fds = {enter_end.fd().get()};
  request.clone_flags = CLONE_NEWPID;
  request.log_file = output_.of(shell.entry);
  Spawned spawned = TRY(spawn(shell.cgroup, std::move(request)));
  shell.pid = spawned.pid;
  shell.pidfd = std::move(spawned.pidfd);
  return {};
}

// From here on its process goes on by itself, while the caller makes ports.
Result<void> ContainerDriver::begin_shell(Container& shell) {
  TRY(expect_report(shell.control, EnterStep::unshared));
  TRY(map_ids(shell));
  Fd devices = TRY(room_->device_files());
  TRY(send_order(shell.control, EnterOrder::mapped, {devices.get(), filter_.get()}));
  shell.network = TRY(namespace_of(shell.pid, "net"));
  shell.user = TRY(namespace_of(shell.pid, "user"));
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  Fd mounts = TRY(namespace_of(shell.pid, "mnt"));
  TRY(link->hold(shell.entry, to_text(shell.record),
                 {shell.network.get(), shell.user.get(), shell.control.fd().get(), mounts.get()}));
  shell.held = held_files;
  return {};
}

Result<Shell> ContainerDriver::prepare(const ShellShape& shape) {
  if (shape.technology != "container")
    return Error{Errc::unsupported,
                 fmt::format("the container driver does not run {}", shape.technology)};
  Known shell = TRY(reserve());
  Rollback undo([&] { forget(shell); });
  // Functions of packets get a network namespace too: an empty one, owned by them.
  shell->cgroup = TRY(groups_.create(shell->entry));
  TRY(shell->cgroup.limit({.pids = default_pids}));
  auto [ours, theirs] = TRY(UnixSocket::pair(SocketKind::packets));
  shell->control = std::move(ours);
  TRY_IN("prepare a container", spawn_shell(*shell, theirs));
  theirs = UnixSocket();  // else its end would not be seen
  TRY_IN("prepare a container", begin_shell(*shell));
  Shell made{shell->record.id, {}};
  if (shape.own_network) made.network_namespace = TRY(shell->network.duplicate());
  undo.dismiss();
  std::lock_guard lock(mutex_);
  know(shell);
  return made;
}

}  // namespace vireo
