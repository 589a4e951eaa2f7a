// SPDX-License-Identifier: Apache-2.0
// What a new daemon finds: rows of the store against what really runs. Nothing is started here; what
// is found is taken on, and what differs is left to the steps.
#include <algorithm>

#include <fmt/format.h>

#include "control/reconciler.h"

namespace vireo {
namespace {

using Stage = Generation::Stage;
constexpr auto ready_timeout = std::chrono::seconds(10);

// "instance/local/default/SERVICE/FUNCTION" -> the last two parts.
std::pair<std::string, std::string> last_parts(const Key& key) {
  size_t second = key.rfind('/');
  size_t first = key.rfind('/', second - 1);
  return {key.substr(first + 1, second - first - 1), key.substr(second + 1)};
}

}  // namespace

Result<void> Reconciler::recover() {
  TRY_IN("read the services", recover_rows());
  FabricState fabric = TRY_IN("list the fabric", parts_.fabric.list());
  for (const LinkRequest& link : fabric.links) {
    auto name = parse_link_id(link.id);
    if (!name) continue;
    ServiceEntry& service = services[name->first];
    service.name = name->first;
    service.links[name->second].exists = true;
  }
  Ids ports;
  for (const PortRecord& port : fabric.ports) ports[port.id] = port;
  std::set<PortId> owned;
  TRY_IN("list the instances", recover_instances(owned, ports));
  recover_ports(ports, owned);
  recover_operations();
  for (auto& [name, service] : services) {
    if (!service.has_row) {  // left over from a service that is gone
      service.row.spec.name = name;
      service.row.removing = true;
    }
    apply(service, std::move(service.desired));
  }
  return {};
}

Result<void> Reconciler::recover_rows() {
  for (const Record& record : TRY(parts_.store.list(all_services))) {
    ServiceRow row = TRY_IN(record.key, service_row_from_json(record.value));
    std::string name = row.spec.name;
    ServiceEntry& service = services[name];
    service.name = name;
    service.row = std::move(row);
    service.has_row = true;
    Allocation allocation;
    if (Result<Record> stored = parts_.store.get(allocation_key(name)); stored)
      allocation = TRY_IN(stored->key, allocation_from_json(stored->value));
    PlanResult plan = replan_(service.row, allocation);
    service.planned = plan.findings.empty();
    if (!service.planned && !service.row.removing)
      service.blocked = plan.findings.front().message;
    service.desired = std::move(plan.desired);
  }
  for (const Record& record : TRY(parts_.store.list("instance/local/default/"))) {
    auto [service_name, function_name] = last_parts(record.key);
    ServiceEntry& service = services[service_name];
    service.name = service_name;
    FunctionEntry& function = service.functions[function_name];
    function.service = service_name;
    function.name = function_name;
    function.row = TRY_IN(record.key, instance_row_from_json(record.value));
    function.last_number = function.row->generation;
    function.restarts = function.row->restarts;
  }
  for (const Record& record : TRY(parts_.store.list("link/local/default/"))) {
    auto [service_name, link_name] = last_parts(record.key);
    ServiceEntry& service = services[service_name];
    service.name = service_name;
    service.links[link_name].applied = TRY_IN(record.key, facets_from_json(record.value));
  }
  return {};
}

Result<void> Reconciler::recover_instances(std::set<PortId>& owned, const Ids& ports) {
  for (Driver* driver : parts_.drivers)
    for (const InstanceStatus& status : TRY(driver->list()))
      recover_one(*driver, status, ports, owned);
  return {};
}

// The generation that its row names is taken on if all of it is there; any other one shall go.
void Reconciler::recover_one(Driver& driver, const InstanceStatus& status, const Ids& ports,
                             std::set<PortId>& owned) {
  std::optional<InstanceName> name = parse_instance_id(status.id);
  if (!name) {
    (void)driver.destroy(status.id);  // a spare shell: its ports belong to another daemon's pool
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
  generation->spec.id = status.id;
  generation->driver = &driver;
  generation->exists = true;
  generation->stage = status.state == InstanceState::exited ? Stage::ended : Stage::booting;
  generation->exit = status.exit;
  generation->began = generation->start_began = parts_.clock.now();
  generation->deadline = parts_.clock.now() + ready_timeout;
  for (const auto& [id, port] : ports) {
    if (!id.starts_with(status.id + ":")) continue;
    owned.insert(id);
    PortSlot& slot = generation->ports.emplace_back();
    slot.spec.id = id;
    slot.spec.name = id.substr(status.id.size() + 1);
    slot.spec.link = port.link;
    slot.plugged = true;
    slot.open = port.gate == GateState::open;
  }
  if (adopt(function, *generation, status))
    function.current = std::move(generation);
  else
    function.old.push_back(std::move(generation));
}

bool Reconciler::adopt(FunctionEntry& function, Generation& generation,
                       const InstanceStatus& status) {
  const ServiceEntry& service = services.at(function.service);
  bool meant = function.row && function.row->generation == generation.number && service.has_row;
  auto desired = std::ranges::find(service.desired.functions, function.name,
                                   &DesiredFunction::name);
  if (!meant || desired == service.desired.functions.end()) return false;
  InstanceSpec spec = at_generation(desired->instance, generation.number);
  std::vector<PortSlot> slots;
  for (const PortSpec& port : spec.ports) {
    auto found = std::ranges::find(generation.ports, port.id,
                                   [](const PortSlot& slot) { return slot.spec.id; });
    if (found == generation.ports.end()) return false;
    PortSlot& slot = slots.emplace_back();
    slot.spec = port;
    slot.plugged = true;
    slot.open = found->open;
  }
  if (slots.size() != generation.ports.size()) return false;
  generation.spec = std::move(spec);
  generation.ports = std::move(slots);
  generation.facets = function.row->facets;
  generation.ready = status.ready || !desired->libvnf;
  bool open = std::ranges::all_of(generation.ports, [](const PortSlot& slot) { return slot.open; });
  if (generation.stage != Stage::ended && generation.ready && open)
    generation.stage = Stage::running;
  return true;
}

// Spares of the daemon before, and ports of instances that are gone.
void Reconciler::recover_ports(const Ids& ports, const std::set<PortId>& owned) {
  for (const auto& [id, port] : ports)
    if (!owned.contains(id)) (void)parts_.fabric.unplug(id);
}

void Reconciler::recover_operations() {
  std::set<std::string> continued;
  for (auto& [name, service] : services) {
    if (!service.has_row || service.row.operation.empty()) continue;
    if (journal_.find(service.row.operation) == nullptr) continue;
    service.operation = service.row.operation;
    continued.insert(service.operation);
  }
  for (const std::string& id : journal_.unfinished())
    if (!continued.contains(id))
      journal_.set_state(id, OperationState::failed_temp,
                         Error{Errc::unavailable, "the daemon ended before it was done"});
}

}  // namespace vireo
