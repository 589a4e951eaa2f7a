// SPDX-License-Identifier: Apache-2.0
// The path of a start in the driver: everything here is waited for.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/rollback.h"
#include "driver/container/container_driver.h"
#include "driver/container/enter_exchange.h"
#include "driver/container/seccomp_filter.h"
#include "driver/container/stopwatch.h"
#include "host/files.h"
#include "vnf/abi.h"

namespace vireo {

namespace {

constexpr size_t most_missing = 1000;

Result<Fd> make_vitals() {
  Fd memory(::memfd_create("vireo-vitals", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), vnf::vitals_bytes) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_error("cannot make a vitals page");
  return memory;
}

Result<std::string> random_seed() {
  std::string seed(32, '\0');
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size()))
    return system_error("cannot get random bytes");
  return seed;
}

// What a libvnf function gets as 3, 4, 5; the ports follow.
struct FunctionEnds {
  Fd vitals, identity;
  UnixSocket ours, theirs;
};

Result<FunctionEnds> make_function_ends(const InstanceSpec& spec) {
  FunctionEnds ends;
  ends.vitals = TRY(make_vitals());
  std::string seed = TRY(random_seed());
  std::string identity = TRY(encode_identity(spec, seed));
  ends.identity = TRY(sealed_memory("vireo-identity", identity));
  auto pair = TRY(UnixSocket::pair(SocketKind::packets));
  ends.ours = std::move(pair.first);
  ends.theirs = std::move(pair.second);
  return ends;
}

EnterRequest enter_request(const InstanceSpec& spec) {
  EnterRequest request;
  request.process = spec.process;
  request.host_name = spec.host_name;
  request.files = spec.files;
  request.writable_paths = spec.root.writable_paths;
  return request;
}

}  // namespace

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

// The spare becomes the instance at once, so that a second start of the same id finds it. Nothing:
// the id runs already.
Result<ContainerDriver::Known> ContainerDriver::begin_start(const InstanceId& shell,
                                                            const InstanceSpec& spec) {
  std::lock_guard lock(mutex_);
  auto running = containers_.find(spec.id);
  if (running != containers_.end() && spec.id != shell) {
    if (running->second->state == InstanceState::running) return Known();
    return Error{Errc::conflict, fmt::format("{} exists and does not run", spec.id)};
  }
  auto found = containers_.find(shell);
  if (found == containers_.end() || found->second->state != InstanceState::spare)
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  Known known = found->second;
  containers_.erase(found);
  known->state = InstanceState::starting;
  known->record.id = spec.id;
  known->record.technology = spec.technology;
  known->record.image_digest = spec.image_digest;
  known->record.stop_signal = spec.process.stop_signal;
  known->record.function = spec.function.has_value();
  containers_[spec.id] = known;
  return known;
}

Result<void> ContainerDriver::run_in(Container& shell, const InstanceSpec& spec,
                                     const std::vector<PortEndpoint>& ports,
                                     std::vector<Phase>* phases) {
  Stopwatch watch_of(phases);
  EnterRequest request = enter_request(spec);
  request.capabilities = TRY(capability_bits(spec.capabilities));
  std::string plan = TRY(encode_enter_plan(request));
  shell.plan = TRY(sealed_memory("vireo-plan", plan));
  const Resources& wanted = spec.resources;
  if (wanted.memory != 0 || wanted.cpus != 0 || wanted.pids != 0)
    TRY(shell.cgroup.limit(
        {wanted.memory, wanted.cpus, wanted.pids == 0 ? default_pids : wanted.pids}));
  watch_of.mark("container plan");
  RootNeeds needs = TRY(root_needs(spec));
  RootNeeds missing = TRY(missing_of(spec, needs));
  Fd root = TRY(make_root(*room_, {spec.root, std::move(missing), shell.user.get(),
                                   first_id(shell.record.range.number), upper_of(shell)}));
  watch_of.mark("container root");
  std::vector<int> fds = {shell.plan.get(), root.get()};
  FunctionEnds ends;
  if (spec.function) {
    ends = TRY(make_function_ends(spec));
    for (int fd : {ends.vitals.get(), ends.identity.get(), ends.theirs.fd().get()})
      fds.push_back(fd);
  }
  for (const PortEndpoint& port : ports)
    if (port.fd) fds.push_back(port.fd.get());
  TRY(send_order(shell.control, EnterOrder::start, fds));
  // Meanwhile, so that it costs nothing: the keeper gets what must outlive us.
  std::vector<int> held = {shell.plan.get()};
  if (spec.function) {
    held.insert(held.end(), {ends.vitals.get(), ends.ours.fd().get()});
    shell.vitals = TRY(ends.vitals.duplicate());
  }
  for (const PortEndpoint& port : ports)
    if (port.fd) held.push_back(port.fd.get());
  if (auto link = keeper()) TRY(link->hold(shell.entry, to_text(shell.record), held));
  EnterAnswer answer = TRY(receive_answer(shell.control));
  if (answer.report) return enter_error(*answer.report, request);
  watch_of.mark("container enter");
  if (spec.function) shell.agent = std::make_shared<FunctionAgent>(std::move(ends.ours));
  return {};
}

Result<void> ContainerDriver::start(const InstanceId& shell, const InstanceSpec& spec,
                                    std::vector<PortEndpoint> ports, std::vector<Phase>* phases) {
  Known known = TRY(begin_start(shell, spec));
  if (!known) return {};
  Rollback undo([&] { (void)destroy(spec.id); });
  TRY_IN(fmt::format("start {}", spec.id), run_in(*known, spec, ports, phases));
  undo.dismiss();
  // The keeper has them: closing here is no last close.
  background_->post([user = std::make_shared<Fd>(std::move(known->user)),
                     network = std::make_shared<Fd>(std::move(known->network))] {});
  known->control = UnixSocket();
  std::lock_guard lock(mutex_);
  if (known->state == InstanceState::starting) known->state = InstanceState::running;
  if (known->agent) watch(known->agent->fd().get(), true);
  return {};
}

}  // namespace vireo
