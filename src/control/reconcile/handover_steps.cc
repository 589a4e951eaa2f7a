// SPDX-License-Identifier: Apache-2.0
// State and traffic of a function from one generation to the next: what is asked of the fabric
// around the swaps, and the record of what it cost.
#include <fmt/format.h>

#include "control/reconcile/reconciler.h"

namespace vireo {
namespace {

// How long an old generation may take to send what it had; it has nothing more to come.
constexpr auto longest_drain = std::chrono::milliseconds(200);
constexpr unsigned most_idle_answers = 8;

std::vector<PortId> ids_of(const Generation& generation) {
  std::vector<PortId> ids;
  for (const PortSlot& slot : generation.ports)
    if (slot.plugged) ids.push_back(slot.spec.id);
  return ids;
}

}  // namespace

// Settled: there is nothing to move, or it has been.
Reconciler::Outcome Reconciler::move_state(Generation& from, Generation& to) {
  FunctionAccess *source = from.driver->functions(), *target = to.driver->functions();
  if (to.state_moved || source == nullptr || target == nullptr) return Outcome::settled;
  if (std::exchange(to.state_asked, true)) return Outcome::waiting;
  to.state_began = parts_.clock.now();
  mover_.begin({source, from.spec.id}, StateMover::End{target, to.spec.id});
  did("ask state " + from.spec.id);
  return Outcome::acted;
}

// A function that does not give its state is replaced without it.
void Reconciler::note_moved(StateMover::Finished finished) {
  FunctionEntry* function = nullptr;
  Generation* from = find(finished.from, &function);
  if (from == nullptr) return;  // removed meanwhile
  mark(function->service, function->name);
  const bool moved = finished.result.has_value();
  if (from->handover) {
    from->handover->heard = true;
    if (!moved) from->handover->note = finished.result.error().message;
    return;
  }
  Generation* to = function->next.get();
  if (from != function->current.get() || to == nullptr || !to->state_asked || to->state_moved)
    return;
  to->state_moved = true;
  to->phases.push_back({"state", moved ? "" : "lost", parts_.clock.now() - to->state_began});
  if (!moved) publish(*function, "instance.state_lost", finished.result.error().message);
}

uint64_t Reconciler::read_by(const OpenHandover& handover) {
  const Result<vnf::Vitals> vitals = parts_.probe.read_vitals(handover.vitals);
  return vitals ? packets_read(*vitals) : 0;
}

TrafficCount Reconciler::count_both(const Generation& old, const Generation& next) {
  const uint64_t read = read_by(*old.handover);
  return count_traffic(parts_.fabric.counters(ids_of(old)), parts_.fabric.counters(ids_of(next)),
                       read);
}

// The next one may send before it is sent anything: what comes in by its first port finds its
// second one open.
void Reconciler::begin_handover(Generation& old, Generation& next) {
  OpenHandover& handover = old.handover.emplace();
  handover.to = next.spec.id;
  if (FunctionAccess* access = old.driver->functions())
    if (Result<Fd> page = access->vitals(old.spec.id)) handover.vitals = *std::move(page);
  for (PortSlot& slot : next.ports) {
    (void)parts_.fabric.set_state(slot.spec.id, GateState::sending);
    slot.sending = true;
  }
  handover.before = count_both(old, next);
  handover.began = parts_.clock.now();
}

// The next one has failed: what it had taken of the traffic goes back.
void Reconciler::take_back(FunctionEntry& function) {
  if (!function.current || !function.current->handover) return;
  for (PortSlot& slot : function.current->ports)
    if (!slot.open) open_port(function, *function.current, slot);
  function.current->handover.reset();
}

// What is for all was delivered to the old one as well until now: the next one missed none of it.
void Reconciler::handed_over(Generation& old, const Generation& next) {
  OpenHandover& handover = *old.handover;
  handover.drain_began = parts_.clock.now();
  handover.gap = handover.drain_began - handover.began;
  handover.deadline = handover.drain_began + longest_drain;
  handover.complete = true;
  handover.before.missed = count_both(old, next).missed;
}

// Whether the old one has sent what it had, or is not waited for any longer. Each time that it
// answers it is done with what it had read; when it has read all that was delivered, and nothing
// since the answer before, its queues are empty.
bool Reconciler::drained(const Generation& old, uint64_t read) {
  const OpenHandover& handover = *old.handover;
  if (old.stage == Generation::Stage::ended || old.driver->functions() == nullptr) return true;
  if (parts_.clock.now() >= handover.deadline) return true;
  if (!handover.heard || handover.last_read != read) return false;
  if (handover.idle_answers >= most_idle_answers) return true;
  const TrafficCount now = count_traffic(parts_.fabric.counters(ids_of(old)), {}, read);
  return unread(now) <= unread(handover.before);
}

// Flows that began since its state was asked for first go to the next one with each answer.
Reconciler::Outcome Reconciler::drain(ServiceEntry& service, FunctionEntry& function,
                                      Generation& old) {
  OpenHandover& handover = *old.handover;
  const uint64_t read = read_by(handover);
  if (drained(old, read)) {
    end_handover(service, function, old);
    return Outcome::acted;
  }
  if (handover.asked && !handover.heard) {
    arm(handover.deadline, function);
    return Outcome::waiting;
  }
  if (handover.heard) {
    handover.idle_answers = handover.last_read == read ? handover.idle_answers + 1 : 0;
    handover.last_read = read;
  }
  handover.asked = true;
  handover.heard = false;
  std::optional<StateMover::End> to;
  Generation* next = function.current.get();
  if (next != nullptr && next->spec.id == handover.to && next->state_moved)
    to = StateMover::End{next->driver->functions(), next->spec.id};
  mover_.begin({old.driver->functions(), old.spec.id}, std::move(to));
  did("drain " + old.spec.id);
  return Outcome::acted;
}

// It is silent from here on.
void Reconciler::end_handover(ServiceEntry& service, FunctionEntry& function, Generation& old) {
  for (PortSlot& slot : old.ports) {
    if (slot.plugged) (void)parts_.fabric.set_state(slot.spec.id, GateState::blocked);
    slot.open = slot.sending = false;
  }
  const Generation* next = function.current.get();
  if (old.handover->complete && next != nullptr && next->spec.id == old.handover->to)
    record_handover(service, function, old, *next);
  old.handover.reset();
  did("silence " + old.spec.id);
}

void Reconciler::record_handover(ServiceEntry& service, const FunctionEntry& function,
                                 const Generation& old, const Generation& next) {
  const OpenHandover& handover = *old.handover;
  const SteadyTime now = parts_.clock.now();
  OperationStep step;
  step.id = "hand over " + handover.to;
  step.subject = fmt::format("{}/{}", service.name, function.name);
  step.phases = {{"swap", "", handover.gap}, {"drain", handover.note, now - handover.drain_began}};
  step.duration = now - handover.began;
  step.handover = Handover{handover.gap, {}};
  if (parts_.fabric.info().counts_refused)
    step.handover->lost = lost_between(handover.before, count_both(old, next));
  journal_.add_step(service.operation, std::move(step));
}

}  // namespace vireo
