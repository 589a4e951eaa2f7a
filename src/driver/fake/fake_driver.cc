// SPDX-License-Identifier: Apache-2.0
#include "driver/fake/fake_driver.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "base/text.h"
#include "driver/fake/script.h"

namespace vireo {

using Lock = std::unique_lock<std::mutex>;

FakeDriver::FakeDriver(std::shared_ptr<FakeHost> host, std::string technology)
    : info_{"fake", {std::move(technology)}, {PortKind::veth, PortKind::tap, PortKind::packet}},
      host_(std::move(host)) {}

Result<std::unique_ptr<FakeDriver>> FakeDriver::open(std::shared_ptr<FakeHost> host,
                                                     std::string technology) {
  std::unique_ptr<FakeDriver> driver(new FakeDriver(std::move(host), std::move(technology)));
  driver->signal_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!driver->signal_) return system_error("cannot make an event descriptor");
  {
    Lock lock(driver->host_->mutex_);
    driver->host_->signal_ = driver->signal_.get();
    if (!driver->host_->events_.empty()) ::eventfd_write(driver->signal_.get(), 1);
  }
  driver->clock_ =
      std::jthread([self = driver.get()](const std::stop_token& stop) { self->watch_clock(stop); });
  return driver;
}

FakeDriver::~FakeDriver() {
  clock_.request_stop();
  if (clock_.joinable()) clock_.join();
  Lock lock(host_->mutex_);
  host_->signal_ = -1;
}

HostSupport FakeDriver::check_host() { return {true, "in memory", {}, {}}; }

Result<Shell> FakeDriver::prepare(const ShellShape& shape) {
  if (shape.technology != info_.technologies.front())
    return Error{Errc::unsupported, fmt::format("the fake does not run {}", shape.technology)};
  Lock lock(host_->mutex_);
  InstanceId id = fmt::format("~fake-{}", host_->next_++);
  host_->entries_[id] = {};
  host_->entries_[id].spec.technology = shape.technology;
  return Shell{id, {}};
}

// The spare becomes the instance; an Errc::conflict with an empty message: it runs already.
Result<void> FakeDriver::begin(const InstanceId& shell, const InstanceSpec& spec) {
  Lock lock(host_->mutex_);
  auto running = host_->entries_.find(spec.id);
  if (running != host_->entries_.end() && running->second.state == InstanceState::running)
    return Error{Errc::conflict, ""};
  if (running != host_->entries_.end())
    return Error{Errc::conflict, fmt::format("{} exists and does not run", spec.id)};
  auto found = host_->entries_.find(shell);
  if (found == host_->entries_.end() || found->second.state != InstanceState::spare)
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  if (found->second.loaded && !same_program(found->second.spec, spec))
    return Error{Errc::conflict, fmt::format("another program is loaded in {}", shell)};
  host_->entries_.erase(found);
  FakeHost::Entry entry;
  entry.spec = spec;
  entry.state = InstanceState::starting;
  host_->entries_[spec.id] = std::move(entry);
  return {};
}

Result<void> FakeDriver::start(const InstanceId& shell, const InstanceSpec& spec,
                               std::vector<PortEndpoint> ports, std::vector<Phase>* phases) {
  auto begun = begin(shell, spec);
  if (!begun && begun.error().message.empty()) return {};
  if (!begun) return begun;
  FakeScript script = read_script(spec.process.arguments);
  const SteadyTime from = std::chrono::steady_clock::now();
  if (script.slow.count() > 0) std::this_thread::sleep_for(script.slow);
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(spec.id);
  if (found == host_->entries_.end())
    return Error{Errc::conflict, fmt::format("{} was destroyed while it started", spec.id)};
  const bool refused = host_->failures_ > 0;
  if (refused) --host_->failures_;
  if (refused || script.fail || spec.process.arguments.empty()) {
    host_->entries_.erase(found);
    return Error{Errc::invalid, fmt::format("start {}: told to fail", spec.id)};
  }
  FakeHost::Entry& entry = found->second;
  ++host_->starts_;
  entry.ports = std::move(ports);
  entry.state = InstanceState::running;
  entry.stubborn = script.stubborn;
  entry.busy = script.busy;
  if (spec.function && !script.silent) {
    entry.ready = true;
    host_->tell({DriverEvent::Kind::ready, spec.id, std::chrono::steady_clock::now(), {}});
  }
  if (script.end) {
    entry.ends_as = *script.end;
    entry.ends_at = std::chrono::steady_clock::now() + script.after;
    if (script.after.count() == 0) host_->end(spec.id, entry, *script.end);
    changed_.notify_all();
  }
  if (phases != nullptr)
    phases->push_back({"fake start", "", std::chrono::steady_clock::now() - from});
  return {};
}

Result<void> FakeDriver::stop(const InstanceId& id, StopKind kind) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end() || found->second.state == InstanceState::spare) return {};
  if (kind == StopKind::ask && found->second.stubborn) return {};
  host_->end(id, found->second,
             kind == StopKind::ask ? ExitReason{ExitKind::code, 0}
                                   : ExitReason{ExitKind::killed, SIGKILL});
  return {};
}

Result<void> FakeDriver::destroy(const InstanceId& id) {
  Lock lock(host_->mutex_);
  host_->entries_.erase(id);
  return {};
}

Result<std::vector<InstanceStatus>> FakeDriver::list() {
  Lock lock(host_->mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [id, entry] : host_->entries_)
    all.push_back({id, entry.state, entry.exit, entry.spec.technology, entry.ready});
  return all;
}

std::vector<InstanceUsage> FakeDriver::usage(std::span<const InstanceId> ids) {
  Lock lock(host_->mutex_);
  std::vector<InstanceUsage> all;
  for (const InstanceId& id : ids) {
    auto found = host_->entries_.find(id);
    if (found == host_->entries_.end()) continue;
    FakeHost::Entry& entry = found->second;
    if (entry.busy && !entry.paused) entry.cpu_ns += 1'000;
    all.push_back({id, entry.cpu_ns, 1u << 20, 1u << 20, 1});
  }
  return all;
}

std::vector<DriverEvent> FakeDriver::take_events() {
  Lock lock(host_->mutex_);
  eventfd_t ignored = 0;
  ::eventfd_read(signal_.get(), &ignored);
  return std::exchange(host_->events_, {});
}

void FakeDriver::watch_clock(const std::stop_token& stop) {
  Lock lock(host_->mutex_);
  while (!stop.stop_requested()) {
    std::optional<SteadyTime> next;
    for (auto& [id, entry] : host_->entries_) {
      if (!entry.ends_at || entry.exit) continue;
      if (*entry.ends_at <= std::chrono::steady_clock::now())
        host_->end(id, entry, entry.ends_as);
      else if (!next || *entry.ends_at < *next)
        next = entry.ends_at;
    }
    const size_t known = host_->starts_;
    if (next)
      changed_.wait_until(lock, stop, *next, [&] { return host_->starts_ != known; });
    else
      changed_.wait(lock, stop, [this] {
        return std::any_of(host_->entries_.begin(), host_->entries_.end(), [](const auto& each) {
          return each.second.ends_at && !each.second.exit;
        });
      });
  }
}

}  // namespace vireo
