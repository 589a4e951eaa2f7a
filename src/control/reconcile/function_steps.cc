// SPDX-License-Identifier: Apache-2.0
// Which generation a function needs: the first, a replacement, the next after an end, or none.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "control/end_text.h"
#include "control/plan/instance_plan.h"
#include "control/reconcile/reconciler.h"

namespace vireo {
namespace {

constexpr auto backoff_window = std::chrono::seconds(10);
constexpr std::chrono::nanoseconds first_backoff = std::chrono::milliseconds(100);
constexpr std::chrono::nanoseconds longest_backoff = std::chrono::seconds(30);
// Frames have come meanwhile: a healed function sends them on before the records of its end are
// written, its remains cleared away and the pool refilled.
constexpr auto first_frames = std::chrono::milliseconds(1);

bool restarts(RestartPolicy policy, const std::optional<ExitReason>& exit) {
  if (policy == RestartPolicy::never) return false;
  bool clean = exit && exit->kind == ExitKind::code && exit->value == 0;
  return policy == RestartPolicy::always || !clean;
}

bool alive(const Generation& generation) {
  return generation.exists && generation.stage != Generation::Stage::ended;
}

}  // namespace

Reconciler::Outcome Reconciler::step_function(ServiceEntry& service, FunctionEntry& function) {
  if (!service.blocked.empty() && !service.row.removing) return Outcome::settled;
  if (function.wanted()) {
    Outcome outcome = step_wanted(service, function);
    if (outcome == Outcome::acted) return outcome;
    if (!function.old.empty() && keeps_quiet(function)) return Outcome::waiting;
    Outcome rest = step_old(service, function);
    return rest == Outcome::settled ? outcome : rest;
  }
  retire(function, function.next);
  retire(function, function.current);
  return step_old(service, function);
}

Reconciler::Outcome Reconciler::step_wanted(ServiceEntry& service, FunctionEntry& function) {
  if (function.next) return step_next(service, function);
  if (!function.current) {
    Outcome outcome = begin(function);
    if (outcome != Outcome::settled) return outcome;
  }
  switch (function.current->stage) {
    case Generation::Stage::running:
      return step_running(service, function);
    case Generation::Stage::ended:
      return after_end(service, function);
    default:
      return advance(service, function, *function.current);
  }
}

// Settled: there is a current generation now.
Reconciler::Outcome Reconciler::begin(FunctionEntry& function) {
  if (function.retry_at && parts_.clock.now() < *function.retry_at) {
    arm(*function.retry_at, function);
    return Outcome::waiting;
  }
  for (const auto& old : function.old)
    if (alive(*old)) return Outcome::waiting;  // two would answer for one address
  function.current = new_generation(function);
  return Outcome::settled;
}

std::unique_ptr<Generation> Reconciler::new_generation(FunctionEntry& function) {
  auto generation = std::make_unique<Generation>();
  generation->number = std::max(function.last_number + 1, function.floor);
  function.last_number = generation->number;
  generation->spec = at_generation(function.desired->instance, generation->number);
  generation->driver = parts_.drivers[function.desired->driver];
  generation->facets = function.desired->facets;
  generation->ready = !function.desired->libvnf;
  generation->began = parts_.clock.now();
  if (auto planned_in = services.at(function.service).planned_in)
    generation->phases.push_back({"plan", "", *planned_in});
  for (const PortSpec& port : generation->spec.ports) {
    generation->ports.emplace_back();
    generation->ports.back().spec = port;
  }
  return generation;
}

Reconciler::Outcome Reconciler::step_running(ServiceEntry& service, FunctionEntry& function) {
  Generation& current = *function.current;
  if (current.number < function.floor) {
    retire(function, function.current);
    return step_wanted(service, function);
  }
  if (current.paused != function.paused) return pause_or_resume(service, function);
  std::vector<FacetChange> changes = compare(current.facets, function.desired->facets);
  bool replace = std::ranges::any_of(changes, [](const FacetChange& change) {
    return effect_of(change.name) == FacetEffect::replace;
  });
  if (!replace && !changes.empty() && keeps_quiet(function)) return Outcome::waiting;
  if (!replace) return adjust(service, function, changes) ? Outcome::acted : Outcome::settled;
  if (!function.desired->make_before_break) {
    retire(function, function.current);
    return step_wanted(service, function);
  }
  if (function.retry_at && parts_.clock.now() < *function.retry_at) {
    arm(*function.retry_at, function);
    return Outcome::waiting;
  }
  function.next = new_generation(function);
  return step_next(service, function);
}

// What cannot be paused is not: the wish is taken back with the operation.
Reconciler::Outcome Reconciler::pause_or_resume(ServiceEntry& service, FunctionEntry& function) {
  Generation& current = *function.current;
  const std::string verb = function.paused ? "pause" : "resume", id = verb + " " + current.spec.id;
  const SteadyTime began = parts_.clock.now();
  Pauser* pauser = current.driver->pauser();
  Result<void> done = pauser == nullptr ? Error{Errc::unsupported, "this technology has no pause"}
                      : function.paused ? pauser->pause(current.spec.id)
                                        : pauser->resume(current.spec.id);
  did(id);
  if (!done) {
    function.paused = current.paused;
    if (!current.paused) service.row.paused.erase(function.name);
    function.reason = done.error().message;
    record(service, {}, {late_write(service_key(service.name), service.row)});
    fail(service, std::move(done).error().within(id));
    return Outcome::acted;
  }
  current.paused = function.paused;
  function.reason.clear();
  function.watch.restart(function.desired->health);
  const auto took = parts_.clock.now() - began;
  journal_.add_step(service.operation,
                    {id, service.name + "/" + function.name, {{verb, "", took}}, took});
  publish(function, "instance." + verb + "d", verb + "d");
  return Outcome::acted;
}

// What can change while it runs. True: a step was made.
bool Reconciler::adjust(ServiceEntry& service, FunctionEntry& function,
                        const std::vector<FacetChange>& changes) {
  if (changes.empty()) return false;
  Generation& current = *function.current;
  std::string id = "note " + current.spec.id;
  auto with = [&](FacetEffect effect) {
    return std::ranges::any_of(
        changes, [&](const FacetChange& change) { return effect_of(change.name) == effect; });
  };
  if (with(FacetEffect::resize)) {
    id = "resize " + current.spec.id;
    Resizer* resizer = current.driver->resizer();
    Result<void> resized =
        resizer == nullptr
            ? Result<void>(Error{Errc::unsupported, "limits of this technology cannot change"})
            : resizer->resize(current.spec.id, function.desired->instance.resources);
    if (!resized) {
      fail(service, std::move(resized).error().within(id));
      if (service.failure) return did(id);  // taken back: nothing differs any more
    }
    current.spec.resources = function.desired->instance.resources;
  } else if (with(FacetEffect::rewire) && rewire(function)) {
    return true;
  } else if (with(FacetEffect::rewire) && rewrite_hosts(function)) {
    id = "rewrite hosts of " + current.spec.id;
  }
  for (const FacetChange& change : changes)
    if (!with(FacetEffect::resize) || effect_of(change.name) == FacetEffect::resize)
      current.facets[change.name] = change.new_value;
  write_row(service, function);
  return did(id);
}

// One port that knows less, or other, of its surroundings than it should.
bool Reconciler::rewire(FunctionEntry& function) {
  Generation& current = *function.current;
  InstanceSpec wanted = at_generation(function.desired->instance, current.number);
  for (size_t i = 0; i < current.ports.size() && i < wanted.ports.size(); i++) {
    if (current.ports[i].spec == wanted.ports[i] && !current.ports[i].stale) continue;
    current.ports[i].spec = wanted.ports[i];
    current.ports[i].stale = false;
    if (i < current.spec.ports.size()) current.spec.ports[i] = wanted.ports[i];
    if (Result<void> updated = parts_.fabric.update(wanted.ports[i]); !updated)
      function.reason = updated.error().message;
    return did("update " + wanted.ports[i].id);
  }
  return false;
}

// False: it was not given the file, or reads what it should.
bool Reconciler::rewrite_hosts(FunctionEntry& function) {
  Generation& current = *function.current;
  auto wanted = function.desired->facets.find("hosts");
  FileAccess* access = current.driver->files();
  if (access == nullptr || wanted == function.desired->facets.end() ||
      current.facets["hosts"] == wanted->second)
    return false;
  for (const FileContent& file : function.desired->instance.files) {
    if (file.path != path_of_hosts) continue;
    if (Result<void> written = access->rewrite(current.spec.id, file); !written)
      function.reason = written.error().message;
    return true;
  }
  return false;
}

// Make before break: up and ready beside the current one, then state, then traffic.
Reconciler::Outcome Reconciler::step_next(ServiceEntry& service, FunctionEntry& function) {
  Generation& next = *function.next;
  if (next.stage == Generation::Stage::ended)
    return failed(
        service, function, next,
        {Errc::unavailable,
         next.exit ? end_text(*next.exit, next.spec.id, *next.driver, parts_.probe) : "it ended"});
  if (next.stage < Generation::Stage::booting || !next.ready)
    return advance(service, function, next);
  bool alive_now = function.current && alive(*function.current);
  if (alive_now && function.desired->has_state) {
    Outcome moving = move_state(*function.current, next);
    if (moving != Outcome::settled) return moving;
  }
  if (alive_now && !function.current->handover) begin_handover(*function.current, next);
  for (PortSlot& slot : next.ports)
    if (!slot.open && open_port(function, next, slot)) return Outcome::acted;
  if (alive_now) handed_over(*function.current, next);
  retire(function, function.current);
  function.current = std::move(function.next);
  did("promote " + function.current->spec.id);
  now_running(service, function);
  publish(function, "instance.replaced", "replaced, make before break");
  return Outcome::acted;
}

// An instance that was wanted has ended.
Reconciler::Outcome Reconciler::after_end(ServiceEntry& service, FunctionEntry& function) {
  if (!restarts(function.desired->restart, function.current->exit)) {
    bool fresh = function.current->number < function.floor;
    std::vector<FacetChange> changes = compare(function.current->facets, function.desired->facets);
    if (!fresh && changes.empty()) return Outcome::settled;  // stays ended
  } else {
    set_back(function);
    function.restarts++;
  }
  if (service.operation.empty()) service.operation = journal_.begin("heal", service.name);
  retire(function, function.current);
  return step_wanted(service, function);
}

// The first attempt at once; from the second within ten seconds it waits, twice as long each time.
void Reconciler::set_back(FunctionEntry& function) {
  SteadyTime now = parts_.clock.now();
  bool again = function.last_end && now - *function.last_end < backoff_window + function.backoff;
  function.last_end = now;
  if (!again)
    function.backoff = {};
  else
    function.backoff = function.backoff.count() == 0
                           ? first_backoff
                           : std::min(function.backoff * 2, longest_backoff);
  function.retry_at = now + function.backoff;
}

void Reconciler::retire(FunctionEntry& function, std::unique_ptr<Generation>& generation) {
  if (!generation) return;
  if (generation == function.current) function.watch = {};
  function.old.push_back(std::move(generation));
}

void Reconciler::write_row(ServiceEntry& service, FunctionEntry& function) {
  InstanceRow& row = function.row ? *function.row : function.row.emplace();
  if (row.generation != function.current->number) row.started = parts_.clock.wall();
  row.generation = function.current->number;
  row.facets = function.current->facets;
  row.restarts = function.restarts;
  record(service, {}, {late_write(instance_key(service.name, function.name), row)});
}

void Reconciler::now_running(ServiceEntry& service, FunctionEntry& function) {
  Generation& current = *function.current;
  current.stage = Generation::Stage::running;
  function.reason.clear();
  function.watch = {};
  function.watch.check = function.desired->health;
  if (!function.row || function.row->generation != current.number) write_row(service, function);
  SteadyTime now = parts_.clock.now();
  journal_.add_step(service.operation,
                    {"start " + current.spec.id, fmt::format("{}/{}", service.name, function.name),
                     current.phases, now - current.began});
  publish(function, "instance.ready", "running");
  if (!function.down_since) return;
  function.healed_in = now - *std::exchange(function.down_since, std::nullopt);
  publish(function, "instance.healed", "healed in " + duration_text(*function.healed_in));
}

void Reconciler::publish(const FunctionEntry& function, std::string kind, std::string message) {
  Event event;
  event.kind = std::move(kind);
  event.service = function.service;
  event.function = function.name;
  auto service = services.find(function.service);
  if (service != services.end()) event.operation = service->second.operation;
  event.message = std::move(message);
  if (function.current) event.values["instance"] = function.current->spec.id;
  journal_.publish(std::move(event));
}

Generation* Reconciler::find(const InstanceId& id, FunctionEntry** function) {
  std::optional<InstanceName> name = parse_instance_id(id);
  if (!name) return nullptr;
  auto service = services.find(name->service);
  if (service == services.end()) return nullptr;
  auto entry = service->second.functions.find(name->function);
  if (entry == service->second.functions.end()) return nullptr;
  *function = &entry->second;
  for (Generation* candidate : {entry->second.current.get(), entry->second.next.get()})
    if (candidate != nullptr && candidate->number == name->generation) return candidate;
  for (const auto& old : entry->second.old)
    if (old->number == name->generation) return old.get();
  return nullptr;
}

void Reconciler::take_event(Driver& driver, const DriverEvent& event) {
  FunctionEntry* function = nullptr;
  Generation* generation = find(event.id, &function);
  if (generation == nullptr || generation->driver != &driver) return;
  mark(function->service, function->name);
  if (event.kind == DriverEvent::Kind::ready) {
    generation->ready = true;
    const bool healed = function->down_since.has_value();
    wake_due(
        std::exchange(quiet_until_, healed ? parts_.clock.now() + first_frames : SteadyTime{}));
    return;
  }
  if (generation->stage == Generation::Stage::ended) return;
  generation->stage = Generation::Stage::ended;
  generation->exit = event.exit;
  bool unwanted = generation == function->current.get() && function->wanted();
  if (!unwanted) return;
  function->reason = end_text(event.exit, event.id, driver, parts_.probe);
  if (!function->down_since) function->down_since = event.at;
  publish(*function, "instance.exited", function->reason);
}

void Reconciler::restart_unhealthy(FunctionEntry& function, const std::string& reason) {
  if (!function.current || !function.wanted()) return;
  function.reason = reason;
  function.down_since = parts_.clock.now();
  function.restarts++;
  set_back(function);
  ServiceEntry& service = services.at(function.service);
  if (service.operation.empty()) service.operation = journal_.begin("heal", service.name);
  function.current->asked = true;  // it does not answer: killed, not asked
  function.current->deadline = parts_.clock.now();
  retire(function, function.current);
  mark(function.service, function.name);
}

}  // namespace vireo
