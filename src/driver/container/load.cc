// SPDX-License-Identifier: Apache-2.0
// Loading: a shell gets its root and executes a program there, on the path of a start or ahead of
// it.
#include "driver/container/load.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/rollback.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

namespace {

constexpr size_t most_missing = 1000;

}  // namespace

Result<EnterRequest> enter_request(const InstanceSpec& spec) {
  EnterRequest request;
  request.process = spec.process;
  request.host_name = spec.host_name;
  request.files = spec.files;
  request.writable_paths = spec.root.writable_paths;
  request.capabilities = TRY(capability_bits(spec.capabilities));
  return request;
}

Result<void> await_parked(Container& shell) {
  if (!shell.files) shell.files = TRY(expect_report(shell.control, EnterStep::parked));
  return {};
}

Result<void> await_program(const Container& shell, const EnterRequest& request) {
  EnterAnswer answer = TRY(receive_answer(shell.control));
  if (answer.report) return enter_error(*answer.report, request);
  return {};
}

Result<void> overwrite(const Fd& directory, const std::string& name, std::string_view content) {
  Fd file(::openat(directory.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  const auto bytes = static_cast<ssize_t>(content.size());
  if (!file || ::pwrite(file.get(), content.data(), content.size(), 0) != bytes ||
      ::ftruncate(file.get(), bytes) != 0)
    return system_error("cannot rewrite a file");
  return {};
}

Result<void> let_run(const Container& shell) {
  if (::syscall(SYS_pidfd_send_signal, shell.pidfd.get(), SIGCONT, nullptr, 0) != 0)
    return system_error("cannot let a loaded program run");
  return {};
}

Result<ExecutionHalt> ExecutionHalt::follow(int pid) {
  constexpr long options = PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, options) != 0)
    return system_error("cannot follow a parked process");
  return ExecutionHalt(pid);
}

// The signal waits for the process on its way out of the execution: no instruction comes before.
Result<void> ExecutionHalt::halt() {
  int status = 0;
  if (::waitpid(pid_, &status, __WALL) != pid_)
    return system_error("cannot wait for a parked process");
  if (status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXEC << 8))) {
    if (!WIFSTOPPED(status)) pid_ = 0;
    return Error{Errc::unavailable, "the parked process ended instead of executing its program"};
  }
  // Its page is there already when it runs.
  const long next = ::ptrace(PTRACE_PEEKUSER, pid_, offsetof(user, regs.rip), nullptr);
  (void)::ptrace(PTRACE_PEEKTEXT, pid_, next, nullptr);
  if (::kill(pid_, SIGSTOP) != 0 || ::ptrace(PTRACE_DETACH, pid_, nullptr, 0) != 0)
    return system_error("cannot halt a loaded program");
  pid_ = 0;
  return {};
}

ExecutionHalt::~ExecutionHalt() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  // Its parent, the keeper, hears of the end after us.
  while (::waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status)) continue;
}

// A digest stands for its layers: what they lack is looked up once.
Result<RootNeeds> ContainerDriver::missing_of(const InstanceSpec& spec, const RootNeeds& needs) {
  if (spec.image_digest.empty()) return missing_in(spec.root.layers, needs);
  std::string key = spec.image_digest;
  for (const auto* paths : {&needs.directories, &needs.files})
    for (const std::string& path : *paths) (key += '\0') += path;
  {
    std::lock_guard lock(mutex_);
    auto known = missing_.find(key);
    if (known != missing_.end()) return known->second;
  }
  RootNeeds missing = TRY(missing_in(spec.root.layers, needs));
  std::lock_guard lock(mutex_);
  if (missing_.size() >= most_missing) missing_.clear();
  return missing_[key] = std::move(missing);
}

Result<void> ContainerDriver::load(Container& shell, const InstanceSpec& spec,
                                   const EnterRequest& request,
                                   const std::vector<PortEndpoint>& ports) {
  TRY(await_parked(shell));
  std::string plan = TRY(encode_enter_plan(request));
  shell.plan = TRY(sealed_memory("vireo-plan", plan));
  RootNeeds needs = TRY(root_needs(spec));
  RootNeeds missing = TRY(missing_of(spec, needs));
  Fd root = TRY(make_root(*room_, {spec.root, std::move(missing), shell.user.get(),
                                   first_id(shell.record.range.number), upper_of(shell)}));
  std::vector<int> fds = {shell.plan.get(), root.get()};
  UnixSocket theirs;
  if (spec.function) {
    auto pair = TRY(UnixSocket::pair(SocketKind::packets));
    theirs = std::move(pair.second);
    shell.agent = std::make_shared<FunctionAgent>(std::move(pair.first));
    fds.push_back(theirs.fd().get());
  }
  for (const PortEndpoint& port : ports)
    if (port.fd && !spec.function) fds.push_back(port.fd.get());
  return send_order(shell.control, EnterOrder::start, fds);
}

Result<void> ContainerDriver::load_ahead(Container& shell, const InstanceSpec& like) {
  const EnterRequest request = TRY(enter_request(like));
  std::optional<ExecutionHalt> halt;
  if (!like.function) halt.emplace(TRY(ExecutionHalt::follow(shell.pid)));
  TRY(load(shell, like, request, {}));
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  TRY(link->hold(shell.entry, to_text(shell.record), shell.not_held()));
  shell.held = held_vitals;
  TRY(await_program(shell, request));
  if (halt) TRY(halt->halt());
  std::lock_guard lock(mutex_);
  shell.loaded = like;
  return {};
}

Result<void> ContainerDriver::preload(const InstanceId& id, const InstanceSpec& like) {
  Known shell = TRY(find(id));
  if (shell->state != InstanceState::spare || shell->loaded)
    return Error{Errc::conflict, fmt::format("{} is no empty spare shell", id)};
  Rollback undo([&] { (void)destroy(id); });
  TRY_IN(fmt::format("load {}", like.image_digest), load_ahead(*shell, like));
  undo.dismiss();
  return {};
}

// What the program has not seen yet becomes the instance's own.
Result<void> ContainerDriver::adapt(const Container& shell, const InstanceSpec& spec) {
  const InstanceSpec& before = *shell.loaded;
  for (size_t i = 0; i < spec.files.size(); ++i)
    if (spec.files[i].content != before.files[i].content)
      TRY(overwrite(shell.files, fmt::format("{}", i), spec.files[i].content));
  if (spec.host_name == before.host_name) return {};
  Fd names = TRY(namespace_of(shell.pid, "uts"));
  const NamespaceScope scope = TRY(NamespaceScope::enter(names, NamespaceKind::uts));
  if (::sethostname(spec.host_name.data(), spec.host_name.size()) != 0)
    return system_error("cannot name a host");
  return {};
}

}  // namespace vireo
