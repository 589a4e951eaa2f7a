// SPDX-License-Identifier: Apache-2.0
// Other processes and other contents of files inside a running instance; what this host must have.
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/rollback.h"
#include "base/text.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "driver/container/load.h"
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

Result<std::string> bytes_of(const Fd& plan) {
  struct stat status {};
  if (::fstat(plan.get(), &status) != 0) return system_error("cannot read an instance's plan");
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  if (::pread(plan.get(), bytes.data(), bytes.size(), 0) != status.st_size)
    return system_error("cannot read an instance's plan");
  return bytes;
}

// The instance's user, rights and environment, with another command.
Result<EnterRequest> request_like(const Fd& plan, const Executor::Request& wanted) {
  std::string bytes = TRY(bytes_of(plan));
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
  if (known->cgroup.frozen())
    return Error{Errc::conflict, "it is paused: `vireo resume` lets it go on"};
  if (known->state != InstanceState::running) return Error{Errc::conflict, "it does not run"};
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
    sessions_[session.id] = {{}, std::make_shared<Fd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
  }
  Rollback undo([&, name = session.id] {
    (void)link->drop(name);
    std::lock_guard lock(mutex_);
    sessions_.erase(name);
  });
  TRY_IN("exec", spawn_guest(*known, session, theirs));
  theirs = UnixSocket();
  TRY(run_guest(*known, ours, plan, request, session));
  undo.dismiss();
  return session;
}

// In the instance's pid namespace and control group; the rest it joins itself.
Result<void> ContainerDriver::spawn_guest(const Container& host, Session& session,
                                          const UnixSocket& enter_end) {
  SpawnRequest request;
  request.name = session.id;
  request.executable = enter_.get();
  request.arguments = {"vireo-enter", "exec"};
  request.fds = {enter_end.fd().get()};
  Fd pids = TRY(namespace_of(host.pid, "pid"));
  request.join_namespaces = {pids.get()};
  Spawned spawned = TRY(spawn(host.cgroup, std::move(request)));
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

// The pidfd is readable a moment before the keeper has reaped and told so.
Result<void> ContainerDriver::await_exit(const std::string& session) {
  std::shared_ptr<Fd> told;
  {
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(session);
    if (found == sessions_.end())
      return Error{Errc::not_found, fmt::format("there is no session {}", session)};
    if (found->second.wait_status) return {};
    told = found->second.told;
  }
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  pollfd wanted[] = {{told->get(), POLLIN, 0}, {link->event_fd(), POLLIN, 0}};
  if (::poll(wanted, 2, 1000) <= 0)
    return Error{Errc::conflict, fmt::format("session {} has not ended", session)};
  std::vector<DriverEvent> events;
  read_keeper(*link, events);
  if (!events.empty()) {
    std::lock_guard lock(mutex_);
    std::ranges::move(events, std::back_inserter(pending_));
    ::eventfd_write(pending_signal_.get(), 1);
  }
  if (keeper() != link)
    return Error{Errc::unavailable, "the keeper ended, and the session with it"};
  return await_exit(session);
}

Result<int> ContainerDriver::exit_code(const std::string& session) {
  TRY(await_exit(session));
  if (auto link = keeper()) (void)link->drop(session);
  std::lock_guard lock(mutex_);
  auto ended = sessions_.extract(session);
  if (!ended) return Error{Errc::not_found, fmt::format("there is no session {}", session)};
  const int status = *ended.mapped().wait_status;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<Fd> ContainerDriver::files_of(const Container& container) {
  {
    std::lock_guard lock(mutex_);
    if (container.files) return container.files.duplicate();
  }
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  std::vector<Fd> held = TRY(link->take(container.entry));
  if (held.size() <= held_files)
    return Error{Errc::not_found, container.record.id + " has no files"};
  return std::move(held[held_files]);
}

// In place: the instance sees the file itself, bound over its path. The directory that holds it is
// on no path of the instance's.
Result<void> ContainerDriver::rewrite(const InstanceId& id, const FileContent& file) {
  Known known = TRY(find(id));
  std::string plan = TRY(bytes_of(known->plan));
  std::string name = TRY_IN(id, name_of_file(plan, file.path));
  Fd files = TRY(files_of(*known));
  TRY_IN(fmt::format("{} of {}", file.path, id), overwrite(files, name, file.content));
  return {};
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
  support.needs = {"kernel 5.19", "user namespaces", "the overlay file system",
                   "control groups (v2, v1 or both) with cpu, memory and pids"};
  utsname kernel{};
  ::uname(&kernel);
  if (!at_least(kernel.release, 5, 19))
    support.missing.push_back(
        fmt::format("kernel {} cannot shift owners of overlay layers: use 5.19 or later (Debian 12 "
                    "has 6.1)",
                    kernel.release));
  std::string most = read_file("/proc/sys/user/max_user_namespaces").value_or("0");
  if (parse_number(most.substr(0, most.find('\n'))).value_or(0) == 0)
    support.missing.emplace_back(
        "user namespaces are switched off: sysctl user.max_user_namespaces=10000");
  std::string kinds = read_file("/proc/filesystems").value_or("");
  if (kinds.find("\toverlay\n") == std::string::npos)
    support.missing.emplace_back("the overlay file system is not there: modprobe overlay");
  for (const char* controller : {"cpu", "memory", "pids"})
    if (!groups_.has(controller))
      support.missing.push_back(fmt::format(
          "the {} control group is not there: `cgroup_enable={}` on the kernel's command line",
          controller, controller));
  if (!groups_.describe().ends_with("v2"))
    support.advice.emplace_back(
        "control groups v2: systemd.unified_cgroup_hierarchy=1 on the kernel's command line");
  support.possible = support.missing.empty();
  return support;
}

}  // namespace vireo
