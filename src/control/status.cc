// SPDX-License-Identifier: Apache-2.0
// What Control tells of services, functions, operations and events.
#include <fmt/format.h>

#include <algorithm>

#include "control/state.h"

namespace vireo {
namespace {

using Stage = Generation::Stage;

std::string state_text(const ServiceEntry& service, const FunctionEntry& function, SteadyTime now) {
  if (!service.blocked.empty()) return "blocked";
  if (function.stopped) return "stopped";
  if (!function.current)
    return function.retry_at && now < *function.retry_at ? "backing-off" : "starting";
  if (function.current->stage == Stage::ended) return "exited";
  if (function.current->stage != Stage::running) return "starting";
  return function.current->paused ? "paused" : "running";
}

int pid_of(const Generation& generation) {
  bool runs = generation.stage == Stage::booting || generation.stage == Stage::running;
  NetworkAccess* access = runs ? generation.driver->network() : nullptr;
  return access == nullptr ? 0 : access->pid(generation.spec.id).value_or(0);
}

std::string health_text(const FunctionEntry& function) {
  bool runs = function.current && function.current->stage == Stage::running;
  if (!runs || function.current->paused || !function.desired) return "unknown";
  if (function.watch.health != "unknown") return function.watch.health;
  // Nobody checks it: that it runs is all there is to know.
  return function.desired->libvnf || !function.desired->health ? "ready" : "unknown";
}

// The table names the fixed counters; a last name "rules[]" stands for all that follow.
std::vector<std::pair<std::string, uint64_t>> named_counters(const FunctionEntry& function) {
  std::vector<std::pair<std::string, uint64_t>> named;
  if (!function.desired) return named;
  const std::vector<std::string>& names = function.desired->counters;
  const std::vector<uint64_t>& values = function.watch.counters;
  for (size_t i = 0; i < values.size(); i++) {
    bool many = !names.empty() && names.back().ends_with("[]") && i + 1 >= names.size();
    if (many)
      named.emplace_back(fmt::format("{}{}]", names.back().substr(0, names.back().size() - 1),
                                     i + 1 - names.size()),
                         values[i]);
    else if (i < names.size())
      named.emplace_back(names[i], values[i]);
  }
  return named;
}

}  // namespace

FunctionStatus Control::State::status(const ServiceEntry& service,
                                      const FunctionEntry& function) const {
  FunctionStatus status;
  status.service = service.name;
  status.function = function.name;
  status.state = state_text(service, function, parts.clock.now());
  status.health = health_text(function);
  status.reason = !service.blocked.empty()  ? service.blocked
                  : function.reason.empty() ? function.watch.reason
                                            : function.reason;
  status.restarts = function.restarts;
  status.healed_in = function.healed_in;
  if (function.desired) {
    status.technology = function.desired->instance.technology;
    status.image = function.desired->image;
    status.image_digest = function.desired->instance.image_digest;
    status.ports = function.desired->instance.ports;
  }
  if (!function.current) return status;
  const Generation& current = *function.current;
  status.instance = current.spec.id;
  status.pid = pid_of(current);
  if (function.row) status.started = function.row->started;
  if (!current.spec.ports.empty()) status.ports = current.spec.ports;
  status.phases = current.phases;
  status.tier = current.tier;
  status.port_counters = function.watch.ports;
  status.usage = function.watch.usage;
  status.cpu_percent = function.watch.cpu_percent;
  status.packets_per_second = function.watch.packets_per_second;
  status.flows = function.watch.flows;
  status.counters = named_counters(function);
  return status;
}

ServiceStatus Control::State::status(const ServiceEntry& service) const {
  ServiceStatus status;
  status.name = service.name;
  status.links = service.row.spec.links;
  status.chain = service.row.spec.chain;
  size_t running = 0, stopped = 0, paused = 0;
  for (const FunctionSpec& spec : service.row.spec.functions) {
    auto function = service.functions.find(spec.name);
    if (function == service.functions.end()) continue;
    status.functions.push_back(this->status(service, function->second));
    running += status.functions.back().state == "running";
    stopped += status.functions.back().state == "stopped";
    paused += status.functions.back().state == "paused";
  }
  bool all_stopped = stopped > 0 && stopped == status.functions.size();
  bool all_paused = paused > 0 && paused == status.functions.size();
  if (service.row.removing) {
    status.state = "removing";
    return status;
  }
  status.state = running == status.functions.size() ? "running"
                 : all_stopped                      ? "stopped"
                 : all_paused                       ? "paused"
                                                    : "partly";
  return status;
}

std::vector<ServiceStatus> Control::services() {
  std::vector<ServiceStatus> list;
  for (const auto& [name, service] : state_->reconciler.services)
    if (service.has_row) list.push_back(state_->status(service));
  return list;
}

Result<ServiceStatus> Control::service(const std::string& name) {
  return state_->status(*TRY(state_->find(name)));
}

Result<Operation> Control::operation(const std::string& id) {
  const Operation* operation = state_->journal.find(id);
  if (operation == nullptr)
    return Error{Errc::not_found, fmt::format("there is no operation `{}`", id)};
  return *operation;
}

std::vector<Operation> Control::operations(const std::string& service) {
  return state_->journal.of_service(service);
}

HostSupport Control::absent(std::string_view technology) const {
  auto found = state_->options.absent.find(std::string(technology));
  return found == state_->options.absent.end() ? HostSupport{} : found->second;
}

std::vector<PoolMetrics> Control::pools() { return state_->pool->metrics(); }

Result<std::pair<Driver*, InstanceId>> Control::find_instance(const std::string& service,
                                                              const std::string& function) {
  ServiceEntry* entry = TRY(state_->find(service));
  auto found = entry->functions.find(function);
  if (found == entry->functions.end())
    return Error{Errc::not_found,
                 fmt::format("service `{}` has no function `{}`", service, function)};
  if (!found->second.current)
    return Error{Errc::unavailable, fmt::format("`{}/{}` does not run", service, function)};
  const Generation& current = *found->second.current;
  return std::pair(current.driver, current.spec.id);
}

Result<std::pair<Driver*, InstanceId>> Control::find_last(const std::string& service,
                                                          const std::string& function) {
  auto running = find_instance(service, function);
  if (running || running.error().code != Errc::unavailable) return running;
  const FunctionEntry& entry = TRY(state_->find(service))->functions.at(function);
  if (!entry.desired) return running;
  InstanceSpec last = at_generation(entry.desired->instance, entry.last_number);
  return std::pair(state_->parts.drivers[entry.desired->driver], last.id);
}

bool Control::State::uses_image(const std::string& digest) const {
  for (const auto& [name, service] : reconciler.services) {
    auto pins = [&](const ServiceRow& row) {
      return std::ranges::any_of(row.images, [&](const auto& pin) { return pin.second == digest; });
    };
    if (pins(service.row) || (service.row.previous && pins(*service.row.previous))) return true;
  }
  return false;
}

bool Control::uses_image(const std::string& digest) const { return state_->uses_image(digest); }

std::vector<Event> Control::events_after(uint64_t id) { return state_->journal.events_after(id); }

void Control::on_event(std::function<void(const Event&)> listener) {
  state_->journal.event_listeners.push_back(std::move(listener));
}

void Control::on_operation(std::function<void(const Operation&)> listener) {
  state_->journal.operation_listeners.push_back(std::move(listener));
}

void Control::publish(Event event) { state_->journal.publish(std::move(event)); }

}  // namespace vireo
