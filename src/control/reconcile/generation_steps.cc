// SPDX-License-Identifier: Apache-2.0
// One generation: up (shell, ports, start, gates) and down (gates, stop, ports, shell).
#include <fmt/format.h>

#include <algorithm>

#include "control/reconcile/reconciler.h"
#include "model/technology.h"

namespace vireo {
namespace {

constexpr auto ready_timeout = std::chrono::seconds(10);
constexpr auto stop_grace = std::chrono::seconds(10);
// What a small program needs to its first answer where a page fault takes long (a nested guest).
constexpr auto first_breath = std::chrono::microseconds(500);

using Stage = Generation::Stage;

}  // namespace

Reconciler::Outcome Reconciler::advance(ServiceEntry& service, FunctionEntry& function,
                                        Generation& generation) {
  auto result = [&](const std::string& id, Result<void> done) {
    did(id);
    if (done) return Outcome::acted;
    return failed(service, function, generation, std::move(done).error().within(id));
  };
  const InstanceId& id = generation.spec.id;
  if (generation.stage == Stage::prepare) {
    for (const PortSlot& slot : generation.ports) {
      auto link = parse_link_id(slot.spec.link);
      auto entry = link ? service.links.find(link->second) : service.links.end();
      if (entry == service.links.end() || !entry->second.exists) return Outcome::waiting;
    }
    return result("prepare " + id, prepare(generation));
  }
  if (generation.stage == Stage::bind)
    for (PortSlot& slot : generation.ports)
      if (!slot.plugged) return result("bind " + slot.spec.id, bind(function, generation, slot));
  if (generation.stage < Stage::booting) {
    // The row becomes durable while the instance starts; recovery removes what has none.
    Result<void> started = start(generation);
    if (started && &generation == function.current.get()) write_row(service, function);
    return result("start " + id, std::move(started));
  }
  bool is_next = &generation == function.next.get();
  for (PortSlot& slot : generation.ports)
    if (!is_next && !slot.open && open_port(function, generation, slot)) return Outcome::acted;
  SteadyTime now = parts_.clock.now();
  if (!generation.ready && now >= generation.deadline)
    return result("give up " + id, Error{Errc::timed_out, "it did not become ready in 10 s"});
  if (!generation.ready) {
    arm(generation.deadline, function);
    return Outcome::waiting;
  }
  generation.phases.push_back({"function", "", now - generation.start_began});
  did("ready " + id);
  now_running(service, function);
  return Outcome::acted;
}

Result<void> Reconciler::prepare(Generation& generation) {
  generation.port_began = parts_.clock.now();
  Pool::Taken taken = TRY(pool->take(*generation.driver, generation.spec));
  if (taken.low) tell_low(generation.spec.technology);
  generation.shell = taken.shell.id;
  generation.pooled = taken.pooled;
  generation.loaded = taken.loaded;
  for (size_t i = 0; i < generation.ports.size(); i++)
    generation.ports[i].spare = std::move(taken.spares[i]);
  generation.stage = Stage::bind;
  return {};
}

void Reconciler::tell_low(const std::string& technology) {
  Event event;
  event.kind = "pool.low";
  event.message =
      fmt::format("no spare {} is left: starts are cold until some are made", technology);
  event.values["technology"] = technology;
  journal_.publish(std::move(event));
}

// A port that takes over from none is open at once: what comes before the function's first look
// waits for it. A kernel's own stack would answer, so behind a veth the function comes first.
Result<void> Reconciler::bind(FunctionEntry& function, Generation& generation, PortSlot& slot) {
  const bool open = slot.spec.kind != PortKind::veth && &generation == function.current.get() &&
                    plugged_before(function, generation, slot) == nullptr;
  slot.endpoint =
      TRY(parts_.fabric.bind(slot.spare, slot.spec, open ? GateState::open : GateState::blocked));
  slot.plugged = true;
  slot.open = open;
  slot.spare.clear();
  if (&slot == &generation.ports.back()) {
    generation.phases.push_back(
        {"ports", generation.pooled ? "pool" : "cold", parts_.clock.now() - generation.port_began});
    generation.stage = Stage::start;
  }
  return {};
}

static std::string tier_of(const Generation& generation) {
  std::string own = generation.driver->start_tier(generation.spec.id);
  if (!own.empty()) return own;
  return generation.loaded ? "loaded" : generation.pooled ? "pooled" : "cold";
}

Result<void> Reconciler::start(Generation& generation) {
  std::vector<PortEndpoint> endpoints;
  for (PortSlot& slot : generation.ports) endpoints.push_back(std::move(slot.endpoint));
  SteadyTime began = parts_.clock.now();
  InstanceId shell = std::exchange(generation.shell, {});
  generation.exists = true;
  std::vector<Phase> parts;
  TRY(generation.driver->start(shell, generation.spec, std::move(endpoints), &parts));
  generation.stage = Stage::booting;
  generation.start_began = parts_.clock.now();
  generation.tier = tier_of(generation);
  pool->note_start(generation.spec.technology, generation.tier);
  generation.phases.push_back({"start", generation.tier, generation.start_began - began});
  for (Phase& part : parts) {
    part.name = "start." + part.name;
    generation.phases.push_back(std::move(part));
  }
  generation.deadline = generation.start_began + ready_timeout;
  quiet_until_ = generation.start_began + first_breath;
  return {};
}

// The port of another generation that this one takes the place of; the open one, if there are two.
PortSlot* Reconciler::plugged_before(FunctionEntry& function, const Generation& generation,
                                     const PortSlot& slot) {
  PortSlot* before = nullptr;
  auto look = [&](Generation* other) {
    if (other == nullptr || other == &generation) return;
    for (PortSlot& candidate : other->ports)
      if (candidate.spec.name == slot.spec.name && candidate.plugged &&
          (before == nullptr || candidate.open))
        before = &candidate;
  };
  look(function.current.get());
  for (const auto& old : function.old) look(old.get());
  return before;
}

// Takes the traffic over from an earlier generation's port, if one is still plugged. True: a step.
bool Reconciler::open_port(FunctionEntry& function, Generation& generation, PortSlot& slot) {
  PortSlot* before = plugged_before(function, generation, slot);
  // Of a closed port the fabric may not know any more what lies behind it.
  if (std::exchange(slot.stale, false)) (void)parts_.fabric.update(slot.spec);
  Result<void> opened = before != nullptr ? parts_.fabric.swap(before->spec.id, slot.spec.id)
                                          : parts_.fabric.set_state(slot.spec.id, GateState::open);
  if (!opened && before != nullptr) opened = parts_.fabric.set_state(slot.spec.id, GateState::open);
  if (before != nullptr) before->sending = std::exchange(before->open, false);
  slot.open = true;
  slot.sending = false;
  if (!opened) {
    function.reason = opened.error().message;
    publish(function, "instance.failed", "cannot open a port: " + opened.error().message);
  }
  return did("open " + slot.spec.id);
}

// A start that did not succeed: what it took is given back, the operation is told, and unless that
// takes the wish back, it is tried again later.
Reconciler::Outcome Reconciler::failed(ServiceEntry& service, FunctionEntry& function,
                                       Generation& generation, Error error) {
  bool was_next = &generation == function.next.get();
  if (generation.stage < Stage::booting) generation.stage = Stage::ended;  // nothing to be stopped
  retire(function, was_next ? function.next : function.current);
  if (was_next) take_back(function);
  function.reason = error.message;
  publish(function, "instance.failed", error.message);
  set_back(function);
  if (was_next && function.retry_at) arm(*function.retry_at, function);
  fail(service, std::move(error).within(fmt::format("{}/{}", service.name, function.name)));
  mark(function.service, function.name);
  return Outcome::acted;
}

Reconciler::Outcome Reconciler::step_old(ServiceEntry& service, FunctionEntry& function) {
  Outcome outcome = Outcome::settled;
  for (auto old = function.old.begin(); old != function.old.end(); ++old) {
    Generation& generation = **old;
    if (generation.handover) {
      if (drain(service, function, generation) == Outcome::acted) return Outcome::acted;
      outcome = Outcome::waiting;
      continue;
    }
    if (generation.exists && generation.stage != Stage::ended) {
      if (stop_old(function, generation) == Outcome::acted) return Outcome::acted;
      outcome = Outcome::waiting;
      continue;
    }
    if (clear_old(generation)) return Outcome::acted;
    function.old.erase(old);
    return step_old(service, function);
  }
  return outcome;
}

// Gates first, so that nothing is sent to one that is ending.
Reconciler::Outcome Reconciler::stop_old(FunctionEntry& function, Generation& generation) {
  for (PortSlot& slot : generation.ports) {
    if (!slot.plugged || !(slot.open || slot.sending)) continue;
    (void)parts_.fabric.set_state(slot.spec.id, GateState::blocked);
    slot.open = slot.sending = false;
    did("block " + slot.spec.id);
    return Outcome::acted;
  }
  const InstanceId& id = generation.spec.id;
  SteadyTime now = parts_.clock.now();
  if (!generation.asked) {
    generation.asked = true;
    generation.deadline = now + stop_grace;
    if (!generation.driver->stop(id, StopKind::ask)) generation.deadline = now;
    did("stop " + id);
    return Outcome::acted;
  }
  if (now >= generation.deadline) {
    generation.killed = true;
    generation.deadline = now + stop_grace;
    (void)generation.driver->stop(id, StopKind::kill);
    did("kill " + id);
    return Outcome::acted;
  }
  arm(generation.deadline, function);
  return Outcome::waiting;
}

// True: one thing was given back, look again. False: nothing is left.
bool Reconciler::clear_old(Generation& generation) {
  for (PortSlot& slot : generation.ports) {
    if (!slot.plugged && slot.spare.empty()) continue;
    std::string id = slot.plugged ? slot.spec.id : slot.spare;
    // What a container did to a tap's settings nobody knows; a machine has no power over them.
    if (slot.plugged && pool != nullptr && is_machine(generation.spec.technology))
      pool->put_back(slot.spec.kind, id);
    else
      (void)parts_.fabric.unplug(id);
    slot.plugged = slot.open = slot.sending = false;
    slot.spare.clear();
    return did("unplug " + slot.spec.id);
  }
  if (!generation.shell.empty()) {
    (void)generation.driver->destroy(std::exchange(generation.shell, {}));
    return did("discard " + generation.spec.id);
  }
  if (!generation.exists) return false;
  (void)generation.driver->destroy(generation.spec.id);
  generation.exists = false;
  return did("destroy " + generation.spec.id);
}

}  // namespace vireo
