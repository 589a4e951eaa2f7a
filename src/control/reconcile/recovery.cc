// SPDX-License-Identifier: Apache-2.0
// After a start of the daemon: what the store says is desired, what really runs, and who owns it.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "control/end_text.h"
#include "control/reconcile/reconciler.h"

namespace vireo {

using Stage = Generation::Stage;

Result<void> Reconciler::recover() {
  TRY(recover_rows());
  FabricState state = TRY_IN("list what the fabric has", parts_.fabric.list());
  for (const LinkRequest& link : state.links) {
    auto name = parse_link_id(link.id);
    if (!name) continue;
    services[name->first].name = name->first;
    services[name->first].links[name->second].exists = true;
  }
  Ids ports;
  for (PortRecord& port : state.ports) ports.emplace(port.id, std::move(port));
  std::set<PortId> owned;
  TRY(recover_instances(owned, ports));
  recover_ports(ports, owned);
  recover_operations();
  for (auto& [name, service] : services) apply(service, std::move(service.desired));
  return {};
}

Result<void> Reconciler::recover_rows() {
  for (const Record& record : TRY(parts_.store.list(all_services))) {
    ServiceRow row = TRY_IN("read " + record.key, service_row_from_json(record.value));
    ServiceEntry& service = services[row.spec.name];
    service.name = row.spec.name;
    Allocation allocation;
    if (Result<Record> kept = parts_.store.get(allocation_key(service.name)))
      allocation = TRY_IN("read " + kept->key, allocation_from_json(kept->value));
    PlanResult plan = replan_(row, allocation);
    service.planned = plan.findings.empty();
    service.desired = std::move(plan.desired);
    if (!service.planned) {
      service.blocked = plan.findings.front().message;
      spdlog::warn("service {} is left as it is: {}", service.name, service.blocked);
    }
    service.row = std::move(row);
    service.has_row = true;
  }
  for (const Record& record : TRY(parts_.store.list("instance/local/default/"))) {
    std::string_view name = std::string_view(record.key).substr(23);
    size_t slash = name.find('/');
    if (slash == std::string_view::npos) continue;
    ServiceEntry& service = services[std::string(name.substr(0, slash))];
    service.name = name.substr(0, slash);
    FunctionEntry& function = service.functions[std::string(name.substr(slash + 1))];
    function.service = service.name;
    function.name = name.substr(slash + 1);
    function.row = TRY_IN("read " + record.key, instance_row_from_json(record.value));
    function.last_number = function.row->generation;
    function.restarts = function.row->restarts;
  }
  for (const Record& record : TRY(parts_.store.list("link/local/default/"))) {
    auto name = parse_link_id(std::string_view(record.key).substr(11));
    if (!name) continue;
    services[name->first].name = name->first;
    services[name->first].links[name->second].applied =
        TRY_IN("read " + record.key, facets_from_json(record.value));
  }
  return {};
}

Result<void> Reconciler::recover_instances(std::set<PortId>& owned, const Ids& ports) {
  for (Driver* driver : parts_.drivers)
    for (const InstanceStatus& status : TRY_IN("list instances", driver->list()))
      recover_one(*driver, status, ports, owned);
  return {};
}

void Reconciler::recover_one(Driver& driver, const InstanceStatus& status, const Ids& ports,
                             std::set<PortId>& owned) {
  std::optional<InstanceName> name = parse_instance_id(status.id);
  if (!name) {  // a spare of an earlier life: nobody knows which ports are in its namespace
    if (status.id.starts_with("~")) (void)driver.destroy(status.id);
    return;
  }
  ServiceEntry& service = services[name->service];
  service.name = name->service;
  FunctionEntry& function = service.functions[name->function];
  function.service = name->service;
  function.name = name->function;
  function.last_number = std::max(function.last_number, name->generation);
  auto generation = std::make_unique<Generation>();
  generation->number = name->generation;
  generation->driver = &driver;
  generation->exists = true;
  generation->spec.id = status.id;
  for (const auto& [id, port] : ports) {
    if (!id.starts_with(status.id + ":")) continue;
    owned.insert(id);
    PortSlot slot;
    slot.spec.id = id;
    slot.spec.name = id.substr(status.id.size() + 1);
    slot.spec.link = port.link;
    slot.spec.kind = port.kind;
    slot.plugged = true;
    slot.open = port.gate == GateState::open;
    slot.sending = port.gate == GateState::sending;
    generation->ports.push_back(std::move(slot));
  }
  bool keep = adopt(function, *generation, status);
  if (keep && status.exit) {
    function.reason = end_text(*status.exit, status.id, driver, parts_.probe);
    publish(function, "instance.exited", function.reason + ", while no daemon ran");
  }
  (keep ? function.current : function.old.emplace_back()) = std::move(generation);
}

// True: it is the one that the store knows, whole, and of a function that may stay.
bool Reconciler::adopt(FunctionEntry& function, Generation& generation,
                       const InstanceStatus& status) {
  generation.stage = status.state == InstanceState::exited ? Stage::ended : Stage::booting;
  generation.exit = status.exit;
  generation.ready = status.ready;
  Pauser* pauser = generation.driver->pauser();
  generation.paused = pauser != nullptr && pauser->paused(status.id);
  generation.start_began = generation.began = parts_.clock.now();
  generation.deadline = generation.began + std::chrono::seconds(10);
  if (status.state == InstanceState::starting || status.state == InstanceState::spare) return false;
  if (!function.row || function.row->generation != generation.number || function.current)
    return false;
  const ServiceEntry& service = services.at(function.service);
  if (!service.has_row) return false;
  generation.facets = function.row->facets;
  const DesiredFunction* wanted = nullptr;
  for (const DesiredFunction& candidate : service.desired.functions)
    if (candidate.name == function.name) wanted = &candidate;
  if (!service.planned) {  // nothing is known of what it should be: it runs on as it is
    if (generation.stage == Stage::booting) generation.stage = Stage::running;
    return true;
  }
  if (wanted == nullptr) return false;
  if (!wanted->libvnf) generation.ready = true;
  InstanceSpec spec = at_generation(wanted->instance, generation.number);
  bool same_ports = function.row->facets.contains("ports") &&
                    function.row->facets.at("ports") == wanted->facets.at("ports");
  if (same_ports && generation.ports.size() != spec.ports.size()) return false;
  if (generation.ports.size() == spec.ports.size())
    for (size_t i = 0; i < spec.ports.size(); i++) {
      generation.ports[i].spec = spec.ports[i];
      generation.ports[i].stale = true;
    }
  generation.spec = std::move(spec);
  bool open = std::ranges::all_of(generation.ports, &PortSlot::open);
  if (generation.stage == Stage::booting && generation.ready && open)
    generation.stage = Stage::running;
  return true;
}

// Ports without an instance: spares of an earlier life, and those of starts that were cut off.
void Reconciler::recover_ports(const Ids& ports, const std::set<PortId>& owned) {
  for (const auto& [id, port] : ports) {
    if (owned.contains(id)) continue;
    std::optional<InstanceName> name = parse_instance_id(id);
    if (!name) {
      if (id.starts_with("~")) (void)parts_.fabric.unplug(id);
      continue;
    }
    services[name->service].name = name->service;
    FunctionEntry& function = services[name->service].functions[name->function];
    function.last_number = std::max(function.last_number, name->generation);
    auto rest = std::make_unique<Generation>();
    rest->number = name->generation;
    rest->spec.id = id.substr(0, id.rfind(':'));
    rest->stage = Stage::ended;
    PortSlot slot;
    slot.spec.id = id;
    slot.spec.name = id.substr(id.rfind(':') + 1);
    slot.plugged = true;
    slot.open = port.gate == GateState::open;
    slot.sending = port.gate == GateState::sending;
    rest->ports.push_back(std::move(slot));
    function.old.push_back(std::move(rest));
  }
}

// What was under way is carried on; what is no longer a service's was cut off before its row.
void Reconciler::recover_operations() {
  for (const std::string& id : journal_.unfinished()) {
    const Operation* operation = journal_.find(id);
    auto service = services.find(operation->service);
    if (service != services.end() && service->second.row.operation == id) {
      service->second.operation = id;
      journal_.set_state(id, OperationState::processing);
    } else {
      journal_.set_state(id, OperationState::failed_temp,
                         Error{Errc::unavailable, "the daemon ended before it was done"});
    }
  }
}

}  // namespace vireo
