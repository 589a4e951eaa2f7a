// SPDX-License-Identifier: Apache-2.0
// Other processes inside a running instance, and what this host must have.
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <cstring>

#include "base/rollback.h"
#include "base/text.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

namespace {

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The instance's user, rights and environment, with another command.
Result<EnterRequest> request_like(const Fd& plan, const Executor::Request& wanted) {
  struct stat status {};
  if (::fstat(plan.get(), &status) != 0) return system_error("cannot read an instance's plan");
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  if (::pread(plan.get(), bytes.data(), bytes.size(), 0) != status.st_size)
    return system_error("cannot read an instance's plan");
  EnterRequest request = TRY(decode_enter_plan(bytes));
  request.process.arguments = wanted.arguments;
  request.terminal = wanted.terminal;
  request.rows = wanted.rows;
  request.columns = wanted.columns;
  request.first_fd = 0;
  return request;
}

}  // namespace

Result<Executor::Session> ContainerDriver::exec(const InstanceId& id, const Request& wanted) {
  Known known = TRY(find(id));
  if (known->state != InstanceState::running)
    return Error{Errc::conflict, fmt::format("{} is not running", id)};
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  EnterRequest request = TRY(request_like(known->plan, wanted));
  std::string bytes = TRY(encode_enter_plan(request));
  Fd plan = TRY(sealed_memory("vireo-plan", bytes));
  auto [ours, theirs] = TRY(UnixSocket::pair(SocketKind::packets));
  Session session;
  {
    std::lock_guard lock(mutex_);
    session.id = fmt::format("container-exec-{}", next_++);
    sessions_[session.id] = std::nullopt;
  }
  Rollback undo([&, name = session.id] {
    (void)link->drop(name);
    std::lock_guard lock(mutex_);
    sessions_.erase(name);
  });
  TRY_IN(fmt::format("exec in {}", id), spawn_guest(*known, session, theirs));
  theirs = UnixSocket();
  TRY_IN(fmt::format("exec in {}", id), run_guest(*known, ours, plan, request, session));
  undo.dismiss();
  return session;
}

// In the instance's pid namespace and control group; the rest it joins itself.
Result<void> ContainerDriver::spawn_guest(const Container& host, Session& session,
                                          const UnixSocket& enter_end) {
  SpawnRequest spawn;
  spawn.name = session.id;
  spawn.executable = enter_.get();
  spawn.arguments = {"vireo-enter", "exec"};
  spawn.fds = {enter_end.fd().get()};
  Fd pids = TRY(namespace_of(host.pid, "pid"));
  spawn.join_namespaces = {pids.get()};
  Fd group = TRY(host.cgroup.directory());
  if (group) spawn.cgroup = group.get();
  std::vector<Fd> files = TRY(host.cgroup.procs_files());
  for (const Fd& file : files) spawn.cgroup_procs.push_back(file.get());
  Spawned spawned = TRY(keeper()->spawn(spawn));
  session.exit = std::move(spawned.pidfd);
  return {};
}

Result<void> ContainerDriver::run_guest(const Container& host, const UnixSocket& control,
                                        const Fd& plan, const EnterRequest& request,
                                        Session& session) {
  std::vector<int> fds = {plan.get(), host.pidfd.get(), filter_.get()};
  Pipe in, out, err;
  if (!request.terminal) {
    for (Pipe* pipe : {&in, &out, &err}) *pipe = TRY(make_pipe());
    fds.insert(fds.end(), {in.read.get(), out.write.get(), err.write.get()});
  }
  TRY(send_order(control, EnterOrder::start, fds));
  EnterAnswer answer = TRY(receive_answer(control));
  if (request.terminal && answer.descriptor) {
    session.terminal = std::move(answer.descriptor);
    answer = TRY(receive_answer(control));
  }
  if (answer.report) return enter_error(*answer.report, request);
  session.in = std::move(in.write);
  session.out = std::move(out.read);
  session.err = std::move(err.read);
  return {};
}

Result<int> ContainerDriver::exit_code(const std::string& session) {
  {
    std::lock_guard lock(mutex_);
    if (!sessions_.contains(session))
      return Error{Errc::not_found, fmt::format("there is no session {}", session)};
  }
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  // The pidfd is readable a moment before the keeper has reaped.
  for (int tries = 0; tries < 1000; ++tries) {
    std::vector<KeeperEntry> entries = TRY(link->list());
    for (const KeeperEntry& entry : entries) {
      if (entry.name != session || !entry.ended) continue;
      (void)link->drop(session);
      std::lock_guard lock(mutex_);
      sessions_.erase(session);
      return WIFSIGNALED(entry.wait_status) ? 128 + WTERMSIG(entry.wait_status)
                                            : WEXITSTATUS(entry.wait_status);
    }
    ::poll(nullptr, 0, 1);
  }
  return Error{Errc::conflict, fmt::format("session {} has not ended", session)};
}

namespace {

bool at_least(const char* release, unsigned major_wanted, unsigned minor_wanted) {
  unsigned found_major = 0, found_minor = 0;
  std::vector<std::string_view> parts = split(release, '.');
  if (parts.size() < 2) return false;
  found_major = static_cast<unsigned>(parse_number(parts[0]).value_or(0));
  found_minor = static_cast<unsigned>(
      parse_number(parts[1].substr(0, parts[1].find_first_not_of("0123456789"))).value_or(0));
  return found_major > major_wanted || (found_major == major_wanted && found_minor >= minor_wanted);
}

}  // namespace

HostSupport ContainerDriver::check_host() {
  HostSupport support;
  support.how = groups_.describe() + ", user namespaces, shifted owners, overlay";
  utsname kernel{};
  ::uname(&kernel);
  if (!at_least(kernel.release, 5, 19))
    support.missing.push_back(
        fmt::format("kernel {} cannot shift owners of overlay layers: use 5.19 or later (Debian 12 "
                    "has 6.1)",
                    kernel.release));
  std::string most = read_file("/proc/sys/user/max_user_namespaces").value_or("0");
  if (parse_number(most.substr(0, most.find('\n'))).value_or(0) == 0)
    support.missing.push_back(
        "user namespaces are switched off: sysctl user.max_user_namespaces=10000");
  std::string kinds = read_file("/proc/filesystems").value_or("");
  if (kinds.find("\toverlay\n") == std::string::npos)
    support.missing.push_back("the overlay file system is not there: modprobe overlay");
  if (!groups_.has("cpu")) support.missing.push_back("the cpu cgroup controller is not there");
  if (!groups_.describe().ends_with("v2"))
    support.advice.push_back("cgroup v2: systemd.unified_cgroup_hierarchy=1 on the kernel's line");
  support.possible = support.missing.empty();
  return support;
}

}  // namespace vireo
