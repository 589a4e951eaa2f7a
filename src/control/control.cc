// SPDX-License-Identifier: Apache-2.0
#include "control/control.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "control/state.h"

namespace vireo {

Control::State::State(Parts given, ControlOptions wanted)
    : parts(std::move(given)),
      options(std::move(wanted)),
      commits(parts.store, parts.wake),
      journal(parts.store, commits, parts.clock),
      reconciler(parts, commits, journal,
                 [this](const ServiceRow& row, const Allocation& allocation) {
                   return plan(row.spec, resolve(row.spec, row.images), allocation);
                 }),
      watcher(parts, reconciler) {
  for (size_t i = 0; i < parts.drivers.size(); i++) {
    const DriverInfo& info = parts.drivers[i]->info();
    HostSupport support = parts.drivers[i]->check_host();
    for (const std::string& technology : info.technologies)
      technologies.push_back({technology, i, info.port_kinds, support});
  }
  for (const auto& [technology, support] : options.absent)
    technologies.push_back({technology, parts.drivers.size(), {}, support});
}

std::map<std::string, ResolvedImage> Control::State::resolve(
    const ServiceSpec& spec, const std::map<std::string, std::string>& pinned) {
  std::map<std::string, ResolvedImage> images;
  for (const FunctionSpec& function : spec.functions) {
    auto [entry, fresh] = images.try_emplace(function.image);
    if (!fresh) continue;
    auto pin = pinned.find(function.image);
    Result<Image> image = parts.images.get(pin == pinned.end() ? function.image : pin->second);
    if (!image) {
      entry->second.near = nearest(function.image, parts.images.names());
      entry->second.error = std::move(image).error();
      continue;
    }
    Result<UserIds> user = parts.images.find_user(*image);
    if (user)
      entry->second = {*std::move(image), *std::move(user)};
    else
      entry->second.error = std::move(user).error();
  }
  return images;
}

PlanResult Control::State::plan(const ServiceSpec& spec,
                                const std::map<std::string, ResolvedImage>& images,
                                const Allocation& allocation) {
  return plan_service(
      {spec, images, technologies, parts.fabric.info(), allocation, options.host_memory});
}

HostView Control::State::host_view(const Desired& desired) const {
  HostView view;
  // With thousands of services, most links meet nothing of the host's.
  if (std::ranges::none_of(desired.links, [](const DesiredLink& link) {
        return !link.request.host_addresses.empty() || link.request.uplink;
      }))
    return view;
  for (const auto& [name, service] : reconciler.services) {
    if (name == desired.service || !service.has_row || service.row.removing) continue;
    for (const DesiredLink& link : service.desired.links)
      if (!link.request.host_addresses.empty() || link.request.uplink)
        view.others.push_back({name, link.name, link.request.host_addresses, link.request.uplink});
  }
  for (const DesiredLink& link : desired.links)
    if (link.request.uplink)
      view.uplinks.emplace(link.name,
                           parts.fabric.check_uplink(link.request.id, *link.request.uplink));
  return view;
}

Applied Control::State::applied(const std::string& name) const {
  Applied applied;
  auto service = reconciler.services.find(name);
  if (service == reconciler.services.end() || service->second.row.removing) return applied;
  for (const auto& [link, entry] : service->second.links)
    if (entry.exists) applied.links[link] = entry.applied;
  for (const auto& [function, entry] : service->second.functions) {
    if (!entry.row || !entry.desired) continue;
    applied.functions[function] = entry.row->facets;
    if (entry.stopped || entry.paused)
      applied.functions[function]["state"] = entry.stopped ? "stopped" : "paused";
  }
  applied.chain = service->second.row.spec.chain;
  return applied;
}

Result<ServiceEntry*> Control::State::find(const std::string& name) {
  auto service = reconciler.services.find(name);
  if (service == reconciler.services.end() || !service->second.has_row)
    return Error{Errc::not_found, fmt::format("there is no service `{}`", name)};
  return &service->second;
}

std::vector<Pool::Stock> Control::State::stocks() const {
  std::vector<Pool::Stock> stocks;
  const FabricInfo& fabric = parts.fabric.info();
  for (const TechnologyOffer& offer : technologies) {
    if (!offer.support.possible) continue;
    auto takes = [&](PortKind kind) {
      return std::ranges::find(offer.port_kinds, kind) != offer.port_kinds.end();
    };
    Pool::Stock packet{parts.drivers[offer.driver], {offer.technology, false}, {}};
    for (PortKind kind : fabric.port_kinds)
      if (!packet.packet_kind && kind != PortKind::veth && takes(kind)) packet.packet_kind = kind;
    if (packet.packet_kind) stocks.push_back(packet);
    bool veths = std::ranges::find(fabric.port_kinds, PortKind::veth) != fabric.port_kinds.end();
    if (veths && takes(PortKind::veth))
      stocks.push_back({parts.drivers[offer.driver], {offer.technology, true}, {}});
  }
  return stocks;
}

// What a daemon before us started can end like any other.
void Control::State::expect_running() {
  for (const auto& [name, service] : reconciler.services)
    for (const auto& [function, entry] : service.functions)
      if (entry.current && entry.current->stage != Generation::Stage::ended && service.planned)
        pool->expect(*entry.current->driver, entry.current->spec);
}

// Nothing to do at the moment: the time for what was put off.
void Control::State::rest() {
  rest_owed = parts.clock.now() < reconciler.quiet_until();
  if (rest_owed) return;
  if (reconciler.awaits_commit())
    commits.flush();
  else
    commits.wake();
  pool->wake();
  pool->note_used([this](const std::string& digest) { return uses_image(digest); });
  for (Driver* driver : parts.drivers) driver->rest();
  parts.fabric.rest();
}

Control::Control(std::unique_ptr<State> state) : state_(std::move(state)) {}
Control::~Control() = default;

Result<std::unique_ptr<Control>> Control::open(Parts parts, ControlOptions options) {
  auto state = std::make_unique<State>(std::move(parts), std::move(options));
  TRY(state->journal.load());
  TRY(state->reconciler.recover());
  state->pool =
      std::make_unique<Pool>(state->parts.fabric, state->parts.clock, state->stocks(),
                             Pool::Limits{state->options.pool_size, state->options.keep_loaded});
  state->reconciler.pool = state->pool.get();
  state->expect_running();
  state->watcher.start(state->parts.clock.now());
  Event event;
  event.kind = "daemon.started";
  state->journal.publish(std::move(event));
  return std::unique_ptr<Control>(new Control(std::move(state)));
}

static void explain(Plan& plan, const Submission& submission) {
  for (const Finding& finding : plan.findings)
    plan.text += finding_text(finding, submission.file, submission.descriptor);
}

struct Drafted {
  Plan plan;
  Desired desired;
  ServiceRow row;
};

static Drafted draft(const Submission& submission, auto& state) {
  Drafted result;
  ParsedDescriptor parsed =
      parse_descriptor(submission.descriptor, [&](const std::string& name) -> Result<std::string> {
        auto file = submission.files.find(name);
        if (file != submission.files.end()) return file->second;
        return Error{Errc::not_found, fmt::format("there is no file `{}` that you may read", name)};
      });
  result.row.spec = std::move(parsed.service);
  result.plan.service = result.row.spec.name;
  result.plan.findings = std::move(parsed.findings);
  if (result.plan.findings.empty()) {
    auto images = state.resolve(result.row.spec, {});
    for (const auto& [reference, image] : images)
      if (!image.error) result.row.images[reference] = image.image.digest;
    auto existing = state.reconciler.services.find(result.row.spec.name);
    Allocation allocation;
    if (existing != state.reconciler.services.end())
      allocation = existing->second.desired.allocation;
    PlanResult planned = state.plan(result.row.spec, images, allocation);
    result.plan.findings = std::move(planned.findings);
    result.desired = std::move(planned.desired);
    if (result.plan.findings.empty())
      check_host(result.row.spec, result.desired, state.host_view(result.desired),
                 result.plan.findings);
  }
  if (!result.plan.findings.empty()) explain(result.plan, submission);
  return result;
}

Plan Control::plan(const Submission& submission) {
  Drafted drafted = draft(submission, *state_);
  if (!drafted.plan.findings.empty()) return std::move(drafted.plan);
  for (auto& function : drafted.desired.functions) function.facets["state"] = "running";
  drafted.plan.changes = plan_changes(drafted.desired, state_->applied(drafted.row.spec.name),
                                      state_->parts.fabric.info().name);
  drafted.plan.text = plan_text(drafted.plan.changes);
  return std::move(drafted.plan);
}

Result<Control::Accepted> Control::run(const Submission& submission) {
  SteadyTime began = state_->parts.clock.now();
  Drafted drafted = draft(submission, *state_);
  if (!drafted.plan.findings.empty()) return Accepted{std::move(drafted.plan), ""};
  auto existing = state_->reconciler.services.find(drafted.row.spec.name);
  if (existing != state_->reconciler.services.end() && existing->second.has_row) {
    const ServiceRow& before = existing->second.row;
    if (before.removing)
      return Error{Errc::conflict, fmt::format("service `{}` is being removed; `vireo wait` until "
                                               "it is gone",
                                               drafted.row.spec.name)};
    drafted.row.floors = before.floors;
    bool under_way = before.previous != nullptr || existing->second.failure;
    auto previous = std::make_shared<ServiceRow>(before);
    previous->previous.reset();
    previous->operation.clear();
    drafted.row.previous = under_way ? before.previous : previous;
  }
  std::string operation = state_->reconciler.accept(
      "run", std::move(drafted.row), std::move(drafted.desired), state_->parts.clock.now() - began);
  return Accepted{std::move(drafted.plan), std::move(operation)};
}

Result<std::string> Control::remove(const std::string& name) {
  ServiceEntry* service = TRY(state_->find(name));
  if (service->row.removing && !service->operation.empty()) return service->operation;
  ServiceRow row = service->row;
  row.removing = true;
  row.previous.reset();
  return state_->reconciler.accept("rm", std::move(row), std::nullopt);
}

Result<std::string> Control::change(const std::string& name, const std::string& function,
                                    Verb verb) {
  ServiceEntry* service = TRY(state_->find(name));
  if (service->row.removing)
    return Error{Errc::conflict, fmt::format("service `{}` is being removed", name)};
  ServiceRow row = service->row;
  row.previous.reset();
  bool found = false;
  for (const FunctionSpec& spec : row.spec.functions) {
    if (!function.empty() && spec.name != function) continue;
    found = true;
    const FunctionEntry& entry = service->functions[spec.name];
    bool ended = entry.current && entry.current->stage == Generation::Stage::ended;
    if (verb == Verb::pause || verb == Verb::resume) {
      if (entry.stopped && !function.empty())
        return Error{Errc::conflict,
                     fmt::format("`{}/{}` is stopped; `vireo start` starts it", name, spec.name)};
      if (verb == Verb::resume)
        row.paused.erase(spec.name);
      else if (!entry.stopped)
        row.paused.insert(spec.name);
      continue;
    }
    row.paused.erase(spec.name);
    if (verb == Verb::stop)
      row.stopped.insert(spec.name);
    else
      row.stopped.erase(spec.name);
    if (verb == Verb::restart || (verb == Verb::start && ended))
      row.floors[spec.name] = entry.last_number + 1;
  }
  if (!found && !function.empty())
    return Error{Errc::not_found, fmt::format("service `{}` has no function `{}`", name, function)};
  static constexpr const char* verbs[] = {"stop", "start", "restart", "pause", "resume"};
  return state_->reconciler.accept(verbs[static_cast<int>(verb)], std::move(row), std::nullopt);
}

std::vector<int> Control::event_fds() const {
  std::vector<int> fds;
  for (const Driver* driver : state_->parts.drivers) fds.push_back(driver->event_fd());
  return fds;
}

void Control::handle_events() {
  for (Driver* driver : state_->parts.drivers)
    for (const DriverEvent& event : driver->take_events()) {
      if (event.id.starts_with('~') && state_->pool)
        state_->pool->lost(event.id);
      else
        state_->reconciler.take_event(*driver, event);
    }
}

bool Control::work() {
  std::string step = state_->reconciler.step();
  if (step.empty()) {
    state_->rest();
    return false;
  }
  if (state_->options.after_step) state_->options.after_step(step);
  return true;
}

std::optional<SteadyTime> Control::next_deadline() const {
  std::optional<SteadyTime> first = state_->reconciler.next_deadline();
  std::optional<SteadyTime> watch = state_->watcher.next_deadline();
  if (!first || (watch && *watch < *first)) first = watch;
  const SteadyTime rest_at = state_->reconciler.quiet_until();
  return state_->rest_owed && (!first || rest_at < *first) ? rest_at : first;
}

void Control::tick() {
  SteadyTime now = state_->parts.clock.now();
  state_->watcher.tick(now);
  state_->reconciler.wake_due(now);
}

void Control::wait_for_commits() { state_->commits.wait(); }

void Control::forget_image(const std::string& digest) { state_->pool->forget(digest); }
void Control::wait_for_spares() { state_->pool->wait_full(); }

void Control::wait_for_moves() { state_->reconciler.wait_for_moves(); }

}  // namespace vireo
