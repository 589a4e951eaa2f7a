// SPDX-License-Identifier: Apache-2.0
#include "control/observer.h"

#include <algorithm>

#include "vnf/abi.h"

namespace vireo {
namespace {

constexpr auto interval = std::chrono::seconds(1);

bool running(const FunctionEntry& function) {
  return function.current && function.current->stage == Generation::Stage::running;
}

template <class Action>
void each_running(Reconciler& reconciler, Action action) {
  for (auto& [name, service] : reconciler.services)
    for (auto& [function_name, function] : service.functions)
      if (running(function)) action(function);
}

uint64_t packets_of(const std::vector<PortCounters>& ports) {
  uint64_t sum = 0;
  for (const PortCounters& port : ports) sum += port.rx_packets + port.tx_packets;
  return sum;
}

}  // namespace

void Observer::observe(SteadyTime now) {
  if (now < next_) return;
  next_ = now + interval;
  measure(now);
  each_running(reconciler_, [&](FunctionEntry& function) {
    if (!function.desired) return;
    if (function.desired->libvnf) read_vitals(function);
    if (running(function)) check(function, now);  // it may just have been given up
  });
}

// Usage of each driver and counters of all ports, in one pass each.
void Observer::measure(SteadyTime now) {
  std::map<Driver*, std::vector<InstanceId>> ids;
  std::vector<PortId> ports;
  each_running(reconciler_, [&](FunctionEntry& function) {
    ids[function.current->driver].push_back(function.current->spec.id);
    for (const PortSlot& slot : function.current->ports) ports.push_back(slot.spec.id);
  });
  std::map<InstanceId, InstanceUsage> usage;
  for (auto& [driver, list] : ids)
    for (InstanceUsage& each : driver->usage(list)) usage[each.id] = each;
  std::map<PortId, PortCounters> counters;
  for (PortCounters& each : parts_.fabric.counters(ports)) counters[each.id] = each;
  each_running(reconciler_, [&](FunctionEntry& function) {
    Watch& watch = function.watch;
    auto used = usage.find(function.current->spec.id);
    double seconds = watch.observed ? std::chrono::duration<double>(now - *watch.observed).count()
                                    : 0;
    if (used != usage.end()) {
      if (seconds > 0 && used->second.cpu_ns >= watch.usage.cpu_ns)
        watch.cpu_percent =
            static_cast<double>(used->second.cpu_ns - watch.usage.cpu_ns) / seconds / 1e7;
      watch.usage = used->second;
    }
    watch.ports.clear();
    for (const PortSlot& slot : function.current->ports)
      if (auto found = counters.find(slot.spec.id); found != counters.end())
        watch.ports.push_back(found->second);
    uint64_t packets = packets_of(watch.ports);
    if (seconds > 0 && packets >= watch.last_packets)
      watch.packets_per_second = static_cast<double>(packets - watch.last_packets) / seconds;
    watch.last_packets = packets;
    watch.observed = now;
  });
}

// The page is written by code that may be hostile: every value is bounded, none is followed.
void Observer::read_vitals(FunctionEntry& function) {
  Watch& watch = function.watch;
  FunctionAccess* access = function.current->driver->functions();
  if (access == nullptr) return;
  if (!watch.page) {
    Result<Fd> page = access->vitals(function.current->spec.id);
    if (!page) return;
    watch.page = std::move(*page);
  }
  Result<vnf::Vitals> vitals = parts_.probe.read_vitals(watch.page);
  HealthCheck heartbeat = function.desired->health.value_or(HealthCheck{});
  bool beats = vitals && vitals->magic == vnf::vitals_magic && vitals->heartbeat != watch.heartbeat;
  if (vitals) {
    watch.heartbeat = vitals->heartbeat;
    watch.flows = vitals->flows;
    size_t count = std::min<size_t>(vitals->counter_count, vnf::max_counters);
    watch.counters.assign(vitals->counters, vitals->counters + count);
  }
  judge(function, heartbeat,
        beats ? Result<void>() : Result<void>(Error{Errc::unavailable, "its heartbeat stopped"}));
}

void Observer::check(FunctionEntry& function, SteadyTime now) {
  Watch& watch = function.watch;
  const std::optional<HealthCheck>& health = function.desired->health;
  if (!health || health->kind == HealthKind::heartbeat || watch.checking) return;
  if (watch.next_check && now < *watch.next_check) return;
  watch.checking = true;
  watch.next_check = now + health->interval;
  auto done = [this, alive = std::weak_ptr<bool>(alive_), check = *health,
               id = function.current->spec.id](Result<void> outcome) {
    if (alive.expired()) return;
    FunctionEntry* entry = nullptr;
    Generation* generation = reconciler_.find(id, &entry);
    if (generation == nullptr || generation != entry->current.get()) return;
    entry->watch.checking = false;
    judge(*entry, check, outcome);
  };
  parts_.probe.check(function.current->spec.id, *health, done);
}

void Observer::judge(FunctionEntry& function, const HealthCheck& check,
                     const Result<void>& outcome) {
  Watch& watch = function.watch;
  if (outcome) {
    watch.failures = 0;
    set_health(function, function.desired->libvnf ? "ready" : "healthy", "");
    return;
  }
  if (++watch.failures < check.retries) return;
  std::string reason = outcome.error().message;
  set_health(function, "unhealthy", reason);
  reconciler_.restart_unhealthy(function, reason);
}

void Observer::set_health(FunctionEntry& function, const std::string& health,
                          const std::string& reason) {
  if (function.watch.health == health) return;
  function.watch.health = health;
  function.watch.reason = reason;
  journal_.publish({0, {}, "health.changed", function.service, function.name, "",
                    reason.empty() ? health : health + ": " + reason, {{"health", health}}});
}

}  // namespace vireo
