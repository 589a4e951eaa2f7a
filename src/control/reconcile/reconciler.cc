// SPDX-License-Identifier: Apache-2.0
#include "control/reconcile/reconciler.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo {
namespace {

constexpr auto retry_delay = std::chrono::seconds(1);

}  // namespace

void Reconciler::mark(const std::string& service, const std::string& function) {
  Subject subject{service, function};
  if (queued_.insert(subject).second) queue_.push_back(std::move(subject));
}

void Reconciler::arm(SteadyTime at, const FunctionEntry& function) {
  Subject subject{function.service, function.name};
  auto [first, last] = timers_.equal_range(at);
  for (; first != last; ++first)
    if (first->second == subject) return;
  timers_.emplace(at, std::move(subject));
}

// True: the function looks again when what was started has had its time.
bool Reconciler::keeps_quiet(const FunctionEntry& function) {
  if (parts_.clock.now() >= quiet_until_) return false;
  arm(quiet_until_, function);
  return true;
}

bool Reconciler::did(std::string id) {
  last_step_ = std::move(id);
  return true;
}

std::string Reconciler::step() {
  for (StateMover::Finished& finished : mover_.take_finished()) note_moved(std::move(finished));
  for (auto name = awaiting_commit_.begin(); name != awaiting_commit_.end();) {
    auto service = services.find(*name);
    bool ready = service == services.end() || commits_.done(service->second.ticket);
    if (ready) mark(*name, "");
    name = ready ? awaiting_commit_.erase(name) : std::next(name);
  }
  while (!queue_.empty()) {
    Subject subject = queue_.front();
    if (step_subject(subject) == Outcome::acted) return last_step_;
    queue_.pop_front();
    queued_.erase(subject);
  }
  return "";
}

Reconciler::Outcome Reconciler::step_subject(const Subject& subject) {
  auto service = services.find(subject.first);
  if (service == services.end()) return Outcome::settled;
  if (subject.second.empty()) return step_service(service->second);
  auto function = service->second.functions.find(subject.second);
  if (function == service->second.functions.end()) return Outcome::settled;
  Outcome outcome = step_function(service->second, function->second);
  if (outcome == Outcome::acted) return outcome;
  if (outcome == Outcome::waiting) {
    service->second.unsettled.insert(subject.second);
    return outcome;
  }
  service->second.unsettled.erase(subject.second);
  bool gone =
      !function->second.desired && !function->second.current && function->second.old.empty();
  if (gone) {
    record(service->second, {{instance_key(subject.first, subject.second), std::nullopt, {}}});
    for (Driver* driver : parts_.drivers)
      if (OutputAccess* output = driver->output())
        output->forget_output(fmt::format("{}{}.1", service_prefix(subject.first), subject.second));
    service->second.functions.erase(function);
  }
  if (service->second.unsettled.empty()) mark(subject.first, "");
  return Outcome::settled;
}

void Reconciler::record(ServiceEntry& service, std::vector<Write> writes,
                        std::vector<CommitQueue::LateWrite> late) {
  service.ticket = commits_.enqueue(std::move(writes), std::move(late));
  service.tickets.push_back(service.ticket);
}

std::string Reconciler::accept(const std::string& verb, ServiceRow row,
                               std::optional<Desired> desired,
                               std::optional<std::chrono::nanoseconds> planned_in) {
  ServiceEntry& service = services[row.spec.name];
  service.name = row.spec.name;
  if (!service.operation.empty())
    end_operation(service, OperationState::failed,
                  Error{Errc::conflict, "another operation on this service came after it"});
  service.operation = journal_.begin(verb, service.name);
  row.operation = service.operation;
  service.row = std::move(row);
  service.has_row = true;
  service.planned_in = planned_in;
  service.failure.reset();
  service.closing = false;
  std::vector<CommitQueue::LateWrite> late{late_write(service_key(service.name), service.row),
                                           journal_.row(service.operation)};
  if (desired) late.push_back(late_write(allocation_key(service.name), desired->allocation));
  record(service, {}, std::move(late));
  journal_.set_state(service.operation, OperationState::processing);
  if (desired) {
    service.planned = true;
    service.blocked.clear();
  }
  apply(service, desired ? *std::move(desired) : std::move(service.desired));
  // Why one ended that is now to start anew was told; it may be another one by now.
  for (auto& [name, function] : service.functions)
    if (function.wanted() && !function.current) function.reason.clear();
  return service.operation;
}

// Hands what is desired to functions and links; all of them look again. What is to start does so
// before those that run are told of it.
void Reconciler::apply(ServiceEntry& service, Desired desired) {
  service.desired = std::move(desired);
  service.closing = false;
  for (auto& [name, link] : service.links) link.desired.reset();
  for (auto& [name, function] : service.functions) function.desired.reset();
  if (!service.row.removing && service.planned) {
    for (const DesiredLink& link : service.desired.links) service.links[link.name].desired = link;
    for (const DesiredFunction& wanted : service.desired.functions) {
      FunctionEntry& function = service.functions[wanted.name];
      function.desired = wanted;
      if (function.watch.check != wanted.health) function.watch.restart(wanted.health);
    }
  }
  mark(service.name, "");
  for (auto& [name, function] : service.functions) {
    function.service = service.name;
    function.name = name;
    function.stopped = service.row.stopped.contains(name);
    function.paused = service.row.paused.contains(name);
    auto floor = service.row.floors.find(name);
    function.floor = floor == service.row.floors.end() ? 0 : floor->second;
    function.retry_at.reset();
    function.backoff = {};
    service.unsettled.insert(name);
  }
  for (const bool running : {false, true})
    for (const auto& [name, function] : service.functions)
      if ((function.current != nullptr) == running) mark(service.name, name);
}

Reconciler::Outcome Reconciler::step_service(ServiceEntry& service) {
  if (service.retry_at && parts_.clock.now() < *service.retry_at) return Outcome::waiting;
  if (service.planned && !service.row.removing && ensure_links(service)) return Outcome::acted;
  if (!service.unsettled.empty() || !service.blocked.empty()) return Outcome::waiting;
  if (close_links(service) == Outcome::acted) return Outcome::acted;
  return close(service);
}

// True: one was made, or failed to be.
bool Reconciler::ensure_links(ServiceEntry& service) {
  for (auto& [name, link] : service.links) {
    if (!link.desired) continue;
    // A link without a row was made by a daemon that ended before the row was durable.
    bool recorded = link.exists && !link.applied.empty();
    if (recorded && compare(link.applied, link.desired->facets).empty()) continue;
    const LinkRequest& request = link.desired->request;
    std::string id = fmt::format("{} link {}", link.exists ? "change" : "create", request.id);
    SteadyTime began = parts_.clock.now();
    Result<void> made = parts_.fabric.ensure_link(request);
    if (!made) {
      service.retry_at = parts_.clock.now() + retry_delay;
      timers_.emplace(*service.retry_at, Subject{service.name, ""});
      fail(service, std::move(made).error().within(id));
      return did(id);
    }
    service.retry_at.reset();
    link.exists = true;
    link.applied = link.desired->facets;
    record(service, {{link_key(service.name, name), to_json(link.applied), {}}});
    auto took = parts_.clock.now() - began;
    journal_.add_step(service.operation,
                      {id, service.name + "/" + name, {{"link", "", took}}, took});
    for (const std::string& function : service.unsettled) mark(service.name, function);
    return did(id);
  }
  return false;
}

// Links that nothing desires; their ports are gone when all functions are settled.
Reconciler::Outcome Reconciler::close_links(ServiceEntry& service) {
  for (auto link = service.links.begin(); link != service.links.end(); ++link) {
    if (link->second.desired) continue;
    LinkId id = service_prefix(service.name) + link->first;
    if (Result<void> removed = parts_.fabric.remove_link(id); !removed) {
      service.retry_at = parts_.clock.now() + retry_delay;
      timers_.emplace(*service.retry_at, Subject{service.name, ""});
      return Outcome::waiting;
    }
    record(service, {{link_key(service.name, link->first), std::nullopt, {}}});
    service.links.erase(link);
    did("remove link " + id);
    return Outcome::acted;
  }
  return Outcome::settled;
}

std::optional<Error> Reconciler::take_commit_failure(ServiceEntry& service) {
  std::optional<Error> first;
  for (CommitQueue::Ticket ticket : service.tickets) {
    std::optional<Error> error = commits_.failure(ticket);
    if (error && !first) first = std::move(error);
  }
  service.tickets.clear();
  return first;
}

// Everything is as desired: the operation ends once that is durable.
Reconciler::Outcome Reconciler::close(ServiceEntry& service) {
  if (!service.closing && (service.row.removing || !service.has_row)) return forget(service);
  if (!service.closing && (service.unsaved || !service.row.operation.empty())) save(service);
  if (!commits_.done(service.ticket)) {
    awaiting_commit_.insert(service.name);
    return Outcome::waiting;
  }
  std::optional<Error> unsaved = take_commit_failure(service);
  bool gone = service.row.removing || !service.has_row;
  if (unsaved) return not_saved(service, *std::move(unsaved));
  if (service.operation.empty() && !gone) return Outcome::settled;
  service.row.operation.clear();
  service.row.previous.reset();
  service.closing = false;
  did((gone ? "forget " : "commit ") + service.name);
  if (service.failure)
    end_operation(service, OperationState::rolled_back, service.failure);
  else
    end_operation(service, OperationState::completed);
  journal_.publish({0,
                    {},
                    gone ? "service.removed" : "service.changed",
                    service.name,
                    "",
                    "",
                    gone ? "removed" : "as described",
                    {}});
  if (gone) services.erase(service.name);
  return Outcome::acted;
}

// The rows of what is there now; all of them when an earlier write failed.
void Reconciler::save(ServiceEntry& service) {
  service.closing = true;
  ServiceRow last = service.row;
  last.operation.clear();
  last.previous.reset();
  std::vector<CommitQueue::LateWrite> late{
      late_write(service_key(service.name), std::move(last)),
      late_write(allocation_key(service.name), service.desired.allocation)};
  std::vector<Write> writes;
  if (std::exchange(service.unsaved, false)) {
    for (const auto& [name, link] : service.links)
      writes.push_back({link_key(service.name, name), to_json(link.applied), {}});
    for (const auto& [name, function] : service.functions)
      if (function.row)
        writes.push_back({instance_key(service.name, name), to_json(*function.row), {}});
  }
  record(service, std::move(writes), std::move(late));
}

// The operation has failed, though the host may be as described; the rows are tried again.
Reconciler::Outcome Reconciler::not_saved(ServiceEntry& service, Error error) {
  service.closing = false;
  service.unsaved = true;
  service.retry_at = parts_.clock.now() + retry_delay;
  timers_.emplace(*service.retry_at, Subject{service.name, ""});
  end_operation(service, OperationState::failed, std::move(error).within("record what was done"));
  return Outcome::waiting;
}

// The rows of a service of which nothing is left.
Reconciler::Outcome Reconciler::forget(ServiceEntry& service) {
  service.closing = true;
  record(service, {{service_key(service.name), std::nullopt, {}},
                   {allocation_key(service.name), std::nullopt, {}}});
  return close(service);
}

void Reconciler::end_operation(ServiceEntry& service, OperationState state,
                               std::optional<Error> error) {
  service.failure.reset();
  service.planned_in.reset();
  if (service.operation.empty()) return;
  journal_.set_state(std::exchange(service.operation, {}), state, std::move(error));
}

// What `run` brought and what cannot be started is taken back; other operations only report.
void Reconciler::fail(ServiceEntry& service, Error error) {
  const Operation* operation = journal_.find(service.operation);
  if (operation == nullptr) return;
  if (operation->verb == "run" && !service.failure) return roll_back(service, std::move(error));
  OperationState state = service.failure ? OperationState::failed_temp : OperationState::failed;
  end_operation(service, state, std::move(error));
}

void Reconciler::roll_back(ServiceEntry& service, Error error) {
  journal_.set_state(service.operation, OperationState::rolling_back, error);
  service.failure = std::move(error);
  std::string operation = service.row.operation;
  std::shared_ptr<const ServiceRow> previous = service.row.previous;
  if (previous) {
    PlanResult plan = replan_(*previous, service.desired.allocation);
    service.row = *previous;
    service.row.operation = operation;
    service.planned = plan.findings.empty();
    if (!service.planned) service.blocked = plan.findings.front().message;
    service.desired = std::move(plan.desired);
  } else {
    service.row.removing = true;
  }
  service.retry_at.reset();
  record(service, {}, {late_write(service_key(service.name), service.row)});
  apply(service, std::move(service.desired));
}

void Reconciler::wake_due(SteadyTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    mark(timers_.begin()->second.first, timers_.begin()->second.second);
    timers_.erase(timers_.begin());
  }
}

std::optional<SteadyTime> Reconciler::next_deadline() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

}  // namespace vireo
