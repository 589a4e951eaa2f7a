// SPDX-License-Identifier: Apache-2.0
#include "control/watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/end_text.h"

namespace vireo {
namespace {

// What a look at one function takes, in a turn that looks at all for what is due: so few turns that
// it stays a small part of a processor.
constexpr auto look_time = std::chrono::microseconds(20);

bool running(const FunctionEntry& function) {
  return function.current && function.current->stage == Generation::Stage::running;
}

// It has said so, and not for longer than anybody does.
bool sleeps(const vnf::Vitals& vitals, SteadyTime now) {
  const auto now_ns = static_cast<uint64_t>(now.time_since_epoch().count());
  return vitals.quiet_until_ns > now_ns && vitals.quiet_until_ns - now_ns <= vnf::longest_quiet_ns;
}

template <class Visit>
void each_running(Reconciler& reconciler, Visit visit) {
  for (auto& [name, service] : reconciler.services)
    for (auto& [function_name, function] : service.functions)
      if (running(function)) visit(function);
}

}  // namespace

void Watcher::tick(SteadyTime now) {
  if (!next_ || now < *next_) return;
  if (!next_observation_ || now >= *next_observation_) {
    observe(now);
    next_observation_ = now + interval;
  }
  SteadyTime soonest = *next_observation_;
  each_running(reconciler_, [&](FunctionEntry& function) {
    check(function, now);
    if (running(function) && function.watch.next_check)
      soonest = std::min(soonest, *function.watch.next_check);
  });
  next_ = std::max(soonest, SteadyTime(now + running_ * look_time));
}

Watcher::Part Watcher::running_part() {
  Part part;
  const long all = turns();
  long number = 0;
  each_running(reconciler_, [&](FunctionEntry& function) {
    if (number++ % all == turn_ % all) part.push_back(&function);
  });
  running_ = number;
  turn_++;
  return part;
}

void Watcher::observe(SteadyTime now) {
  const Part part = running_part();
  for (Driver* driver : parts_.drivers) observe_usage(part, *driver, now);
  observe_ports(part, now);
}

void Watcher::observe_usage(const Part& part, Driver& driver, SteadyTime now) {
  std::vector<InstanceId> ids;
  for (const FunctionEntry* function : part)
    if (function->current->driver == &driver) ids.push_back(function->current->spec.id);
  if (ids.empty()) return;
  for (InstanceUsage& usage : driver.usage(ids)) {
    FunctionEntry* function = nullptr;
    Generation* generation = reconciler_.find(usage.id, &function);
    if (generation == nullptr || generation != function->current.get()) continue;
    Watch& watch = function->watch;
    if (watch.observed && usage.cpu_ns >= watch.usage.cpu_ns && now > *watch.observed)
      watch.cpu_percent = 100.0 * static_cast<double>(usage.cpu_ns - watch.usage.cpu_ns) /
                          static_cast<double>((now - *watch.observed).count());
    watch.usage = std::move(usage);
  }
}

void Watcher::observe_ports(const Part& part, SteadyTime now) {
  std::vector<PortId> ids;
  for (FunctionEntry* function : part) {
    for (const PortSlot& slot : function->current->ports) ids.push_back(slot.spec.id);
    function->watch.ports.clear();
  }
  if (!ids.empty())
    for (PortCounters& counters : parts_.fabric.counters(ids)) {
      FunctionEntry* function = nullptr;
      Generation* generation = reconciler_.find(counters.id, &function);
      if (generation != nullptr && generation == function->current.get())
        function->watch.ports.push_back(std::move(counters));
    }
  for (FunctionEntry* function : part) {
    Watch& watch = function->watch;
    uint64_t packets = 0;
    for (const PortCounters& port : watch.ports) packets += port.rx_packets + port.tx_packets;
    if (watch.observed && packets >= watch.last_packets && now > *watch.observed)
      watch.packets_per_second = static_cast<double>(packets - watch.last_packets) * 1e9 /
                                 static_cast<double>((now - *watch.observed).count());
    watch.last_packets = packets;
    watch.observed = now;
  }
}

void Watcher::check(FunctionEntry& function, SteadyTime now) {
  if (!function.desired || !function.desired->health || function.current->paused) return;
  const HealthCheck& wanted = *function.desired->health;
  Watch& watch = function.watch;
  const bool beats = wanted.kind == HealthKind::heartbeat;
  const std::chrono::milliseconds patience = beats ? wanted.interval * turns() : wanted.interval;
  if (!watch.next_check) watch.next_check = now + patience;
  if (now < *watch.next_check || watch.checking) return;
  watch.next_check = now + patience;
  if (beats) return check_vitals(function, now);
  watch.checking = true;
  InstanceId id = function.current->spec.id;
  parts_.probe.check(id, wanted, [this, id, guard = std::weak_ptr(alive_)](Result<void> result) {
    if (guard.expired()) return;
    FunctionEntry* found = nullptr;
    Generation* generation = reconciler_.find(id, &found);
    if (generation == nullptr || generation != found->current.get()) return;
    found->watch.checking = false;
    if (!found->current->paused) conclude(*found, result);
  });
}

void Watcher::check_vitals(FunctionEntry& function, SteadyTime now) {
  Watch& watch = function.watch;
  FunctionAccess* access = function.current->driver->functions();
  if (access == nullptr) return;
  // Opened each time: thousands of them would not fit one process.
  Result<Fd> page = access->vitals(function.current->spec.id);
  if (!page) return conclude(function, std::move(page).error());
  Result<vnf::Vitals> vitals = parts_.probe.read_vitals(*page);
  if (!vitals) return conclude(function, std::move(vitals).error());
  if (vitals->magic != vnf::vitals_magic)
    return conclude(function, Error{Errc::corrupt, "its vitals page is not one"});
  if (auto failure = reported_failure(*vitals))
    return conclude(function, Error{Errc::unavailable, "it reports: " + *failure});
  uint32_t counters = std::min(vitals->counter_count, vnf::max_counters);
  watch.counters.assign(vitals->counters, vitals->counters + counters);
  watch.flows = vitals->flows;
  bool beats = vitals->heartbeat != watch.heartbeat || sleeps(*vitals, now);
  watch.heartbeat = vitals->heartbeat;
  conclude(function, beats ? Result<void>() : Error{Errc::timed_out, "its heartbeat stands still"});
}

void Watcher::conclude(FunctionEntry& function, const Result<void>& result) {
  Watch& watch = function.watch;
  std::string before = watch.health;
  if (result) {
    watch.failures = 0;
    watch.health = function.desired->libvnf ? "ready" : "healthy";
    watch.reason.clear();
  } else {
    watch.failures++;
    watch.reason = result.error().message;
    if (watch.failures >= function.desired->health->retries) watch.health = "unhealthy";
  }
  if (watch.health != before) {
    Event event;
    event.kind = "health.changed";
    event.service = function.service;
    event.function = function.name;
    event.message = watch.health + (watch.reason.empty() ? "" : ": " + watch.reason);
    reconciler_.publish_event(std::move(event));
  }
  if (watch.health == "unhealthy" && function.desired->restart != RestartPolicy::never)
    reconciler_.restart_unhealthy(function, "unhealthy: " + std::string(watch.reason));
}

}  // namespace vireo
