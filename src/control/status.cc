// SPDX-License-Identifier: Apache-2.0
#include "control/status.h"

#include <algorithm>

#include <fmt/format.h>

namespace vireo {
namespace {

using Stage = Generation::Stage;

std::string state_of(const ServiceEntry& service, const FunctionEntry& function) {
  if (!service.blocked.empty()) return "blocked";
  if (function.stopped) return "stopped";
  if (function.current && function.current->stage == Stage::running) return "running";
  if (function.current && function.current->stage == Stage::ended) return "exited";
  if (function.retry_at && function.backoff.count() > 0) return "backing-off";
  return "starting";
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

void add_instance(FunctionStatus& status, const FunctionEntry& function) {
  if (!function.current) return;
  const Generation& current = *function.current;
  status.instance = current.spec.id;
  status.ports = current.spec.ports;
  status.technology = current.spec.technology;
  status.image_digest = current.spec.image_digest;
  status.phases = current.phases;
  status.pool = current.pooled ? "pooled" : "cold";
  if (current.stage == Stage::running && function.row) status.started = function.row->started;
}

}  // namespace

FunctionStatus status_of(const ServiceEntry& service, const std::string& name) {
  FunctionStatus status;
  status.service = service.name;
  status.function = name;
  status.state = "starting";
  status.health = "unknown";
  auto spec = std::ranges::find(service.row.spec.functions, name, &FunctionSpec::name);
  if (spec != service.row.spec.functions.end()) status.image = spec->image;
  auto found = service.functions.find(name);
  if (found == service.functions.end()) return status;
  const FunctionEntry& function = found->second;
  if (function.desired) status.technology = function.desired->instance.technology;
  add_instance(status, function);
  status.state = state_of(service, function);
  status.health = function.watch.health;
  status.reason = !service.blocked.empty()         ? service.blocked
                  : !function.watch.reason.empty() ? function.watch.reason
                                                   : function.reason;
  status.restarts = function.restarts;
  status.healed_in = function.healed_in;
  status.port_counters = function.watch.ports;
  status.usage = function.watch.usage;
  status.cpu_percent = function.watch.cpu_percent;
  status.packets_per_second = function.watch.packets_per_second;
  status.flows = function.watch.flows;
  status.counters = named_counters(function);
  return status;
}

ServiceStatus status_of(const ServiceEntry& service) {
  ServiceStatus status;
  status.name = service.name;
  status.links = service.row.spec.links;
  status.chain = service.row.spec.chain;
  size_t running = 0, stopped = 0;
  for (const FunctionSpec& function : service.row.spec.functions) {
    status.functions.push_back(status_of(service, function.name));
    running += status.functions.back().state == "running" ? 1 : 0;
    stopped += status.functions.back().state == "stopped" ? 1 : 0;
  }
  size_t all = status.functions.size();
  status.state = service.row.removing ? "removing"
                 : running == all     ? "running"
                 : stopped == all     ? "stopped"
                                      : "partly";
  return status;
}

}  // namespace vireo
