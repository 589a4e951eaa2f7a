// SPDX-License-Identifier: Apache-2.0
#include "control/control.h"

#include <algorithm>

#include <fmt/format.h>

#include "control/observer.h"
#include "control/plan/changes.h"
#include "control/pool.h"
#include "control/reconciler.h"
#include "control/status.h"
#include "control/submission.h"

namespace vireo {

// In the order of making: the commit queue ends last of those that use it.
struct Control::State {
  State(Parts given, ControlOptions chosen)
      : parts(std::move(given)),
        options(std::move(chosen)),
        planning(parts, options),
        commits(parts.store, parts.wake ? parts.wake : [] {}),
        journal(parts.store, commits, parts.clock),
        reconciler(parts, commits, journal,
                   [this](const ServiceRow& row, const Allocation& allocation) {
                     return planning.plan(row, allocation);
                   }),
        observer(parts, reconciler, journal) {}

  Parts parts;
  ControlOptions options;
  Planning planning;
  CommitQueue commits;
  Journal journal;
  Reconciler reconciler;
  Observer observer;
  std::unique_ptr<Pool> pool;
};

namespace {

// A shell for each technology that the host can run: one with a veth, and ports beside it.
std::vector<Pool::Stock> stocks_of(Control::Parts& parts,
                                   const std::vector<TechnologyOffer>& offers) {
  std::vector<Pool::Stock> stocks;
  for (const TechnologyOffer& offer : offers) {
    if (!offer.support.possible) continue;
    Pool::Stock stock;
    stock.driver = parts.drivers[offer.driver];
    stock.shape = {offer.technology, true};
    for (PortKind kind : parts.fabric.info().port_kinds)
      if (!stock.packet_kind && kind != PortKind::veth &&
          std::ranges::find(offer.port_kinds, kind) != offer.port_kinds.end())
        stock.packet_kind = kind;
    stocks.push_back(stock);
    stock.shape.own_network = false;
    stock.packet_kind.reset();
    stocks.push_back(stock);
  }
  return stocks;
}

Applied applied_of(const ServiceEntry* service) {
  Applied applied;
  if (service == nullptr || !service->has_row || service->row.removing) return applied;
  for (const auto& [name, link] : service->links)
    if (link.exists) applied.links[name] = link.applied;
  for (const auto& [name, function] : service->functions)
    if (function.current)
      applied.functions[name] = function.current->facets;
    else if (function.desired)  // stopped, or between two generations
      applied.functions[name] = function.desired->facets;
  applied.chain = service->row.spec.chain;
  return applied;
}

Error no_service(const std::string& name) {
  return {Errc::not_found, fmt::format("there is no service `{}`; `vireo ps` lists them", name)};
}

std::string findings_text(const std::vector<Finding>& findings, const Submission& submission) {
  std::string text;
  for (const Finding& finding : findings)
    text += finding_text(finding, submission.file, submission.descriptor);
  return text;
}

}  // namespace

Control::Control(std::unique_ptr<State> state) : state_(std::move(state)) {}
Control::~Control() = default;

Result<std::unique_ptr<Control>> Control::open(Parts parts, ControlOptions options) {
  auto state = std::make_unique<State>(std::move(parts), std::move(options));
  TRY(state->journal.load());
  TRY(state->reconciler.recover());
  state->pool = std::make_unique<Pool>(state->parts.fabric, state->parts.clock,
                                       stocks_of(state->parts, state->planning.offers()),
                                       state->options.pool_size);
  state->reconciler.pool = state->pool.get();
  state->journal.publish({0, {}, "daemon.started", "", "", "", "recovered", {}});
  return std::unique_ptr<Control>(new Control(std::move(state)));
}

// What a submission would make of its service; the row and the desired state come with the plan.
struct Prepared {
  Plan plan;
  ServiceRow row;
  Desired desired;
};

static Prepared prepare(Planning& planning, std::map<std::string, ServiceEntry>& services,
                        const FabricInfo& fabric, const Submission& submission) {
  Prepared prepared;
  ParsedDescriptor parsed = planning.parse(submission);
  prepared.plan.service = parsed.service.name;
  prepared.plan.findings = std::move(parsed.findings);
  auto existing = services.find(parsed.service.name);
  const ServiceEntry* service = existing == services.end() ? nullptr : &existing->second;
  if (prepared.plan.findings.empty()) {
    if (service != nullptr && service->has_row) prepared.row = service->row;
    prepared.row.spec = std::move(parsed.service);
    prepared.row.images = planning.pin_images(prepared.row.spec);
    prepared.row.removing = false;
    prepared.row.previous.reset();
    if (service != nullptr && service->has_row && !service->row.removing) {
      auto previous = std::make_shared<ServiceRow>(service->row);
      previous->previous.reset();
      prepared.row.previous = std::move(previous);
    }
    PlanResult result = planning.plan(
        prepared.row, service == nullptr ? Allocation{} : service->desired.allocation);
    prepared.plan.findings = std::move(result.findings);
    prepared.desired = std::move(result.desired);
  }
  if (!prepared.plan.findings.empty()) {
    prepared.plan.text = findings_text(prepared.plan.findings, submission);
    return prepared;
  }
  prepared.plan.changes = plan_changes(prepared.desired, applied_of(service), fabric.name);
  prepared.plan.text = plan_text(prepared.plan.changes);
  return prepared;
}

Plan Control::plan(const Submission& submission) {
  return prepare(state_->planning, state_->reconciler.services, state_->parts.fabric.info(),
                 submission)
      .plan;
}

Result<Control::Accepted> Control::run(const Submission& submission) {
  Prepared prepared = prepare(state_->planning, state_->reconciler.services,
                              state_->parts.fabric.info(), submission);
  if (!prepared.plan.findings.empty()) return Accepted{std::move(prepared.plan), ""};
  std::string operation =
      state_->reconciler.accept("run", std::move(prepared.row), std::move(prepared.desired));
  return Accepted{std::move(prepared.plan), operation};
}

Result<std::string> Control::remove(const std::string& service) {
  auto found = state_->reconciler.services.find(service);
  if (found == state_->reconciler.services.end() || !found->second.has_row)
    return no_service(service);
  ServiceRow row = found->second.row;
  row.removing = true;
  row.previous.reset();
  return state_->reconciler.accept("rm", std::move(row), std::nullopt);
}

// stop and start say what is wanted; restart wants a generation above the current one.
static void change_row(ServiceRow& row, const FunctionEntry& function, Control::Verb verb) {
  if (verb == Control::Verb::stop) {
    row.stopped.insert(function.name);
    return;
  }
  bool ended = function.current && function.current->stage == Generation::Stage::ended;
  row.stopped.erase(function.name);
  if (verb == Control::Verb::restart || ended) row.floors[function.name] = function.last_number + 1;
}

Result<std::string> Control::change(const std::string& service, const std::string& function,
                                    Verb verb) {
  auto found = state_->reconciler.services.find(service);
  if (found == state_->reconciler.services.end() || !found->second.has_row)
    return no_service(service);
  ServiceRow row = found->second.row;
  row.previous.reset();
  size_t changed = 0;
  for (const auto& [name, entry] : found->second.functions) {
    if (!function.empty() && name != function) continue;
    change_row(row, entry, verb);
    changed++;
  }
  if (changed == 0)
    return Error{Errc::not_found,
                 fmt::format("service `{}` has no function `{}`", service, function)};
  const char* name = verb == Verb::stop ? "stop" : verb == Verb::start ? "start" : "restart";
  return state_->reconciler.accept(name, std::move(row), std::nullopt);
}

std::vector<ServiceStatus> Control::services() {
  std::vector<ServiceStatus> all;
  for (const auto& [name, service] : state_->reconciler.services)
    if (service.has_row) all.push_back(status_of(service));
  return all;
}

Result<ServiceStatus> Control::service(const std::string& name) {
  auto found = state_->reconciler.services.find(name);
  if (found == state_->reconciler.services.end() || !found->second.has_row) return no_service(name);
  return status_of(found->second);
}

Result<Operation> Control::operation(const std::string& id) {
  const Operation* found = state_->journal.find(id);
  if (found == nullptr)
    return Error{Errc::not_found, fmt::format("there is no operation `{}`", id)};
  return *found;
}

std::vector<Operation> Control::operations(const std::string& service) {
  return state_->journal.of_service(service);
}

std::vector<PoolMetrics> Control::pools() { return state_->pool->metrics(); }

Result<std::pair<Driver*, InstanceId>> Control::find_instance(const std::string& service,
                                                              const std::string& function) {
  auto found = state_->reconciler.services.find(service);
  if (found == state_->reconciler.services.end() || !found->second.has_row)
    return no_service(service);
  auto entry = found->second.functions.find(function);
  if (entry == found->second.functions.end())
    return Error{Errc::not_found,
                 fmt::format("service `{}` has no function `{}`", service, function)};
  const auto& current = entry->second.current;
  if (!current || !current->exists)
    return Error{Errc::conflict, fmt::format("{}/{} is not running", service, function)};
  return std::pair(current->driver, current->spec.id);
}

bool Control::uses_image(const std::string& digest) const {
  for (const auto& [name, service] : state_->reconciler.services)
    for (const auto& [reference, pinned] : service.row.images)
      if (pinned == digest) return true;
  return false;
}

std::vector<Event> Control::events_after(uint64_t id) { return state_->journal.events_after(id); }

void Control::on_event(std::function<void(const Event&)> listener) {
  state_->journal.event_listeners.push_back(std::move(listener));
}

void Control::on_operation(std::function<void(const Operation&)> listener) {
  state_->journal.operation_listeners.push_back(std::move(listener));
}

void Control::publish(Event event) { state_->journal.publish(std::move(event)); }

std::vector<int> Control::event_fds() const {
  std::vector<int> fds;
  for (const Driver* driver : state_->parts.drivers) fds.push_back(driver->event_fd());
  return fds;
}

void Control::handle_events() {
  for (Driver* driver : state_->parts.drivers)
    for (const DriverEvent& event : driver->take_events())
      state_->reconciler.take_event(*driver, event);
}

bool Control::work() {
  std::string step = state_->reconciler.step();
  if (step.empty()) return false;
  if (state_->options.after_step) state_->options.after_step(step);
  return true;
}

std::optional<SteadyTime> Control::next_deadline() const {
  SteadyTime next = state_->observer.next();
  if (auto due = state_->reconciler.next_deadline(); due && *due < next) next = *due;
  return next;
}

void Control::tick() {
  SteadyTime now = state_->parts.clock.now();
  state_->reconciler.wake_due(now);
  state_->observer.observe(now);
}

}  // namespace vireo
