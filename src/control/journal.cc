// SPDX-License-Identifier: Apache-2.0
#include "control/journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "control/reconcile/rows.h"

namespace vireo {
namespace {

constexpr size_t most_events = 10'000;
constexpr size_t most_operations = 100;  // of one service
constexpr size_t most_records = 2'000;   // of all services, those that are gone included
constexpr uint64_t event_block = 1'000;  // ids reserved by one write; a crash skips the rest

}  // namespace

bool is_ended(OperationState state) {
  return state == OperationState::completed || state == OperationState::failed ||
         state == OperationState::failed_temp || state == OperationState::rolled_back;
}

Result<void> Journal::load() {
  if (Result<Record> counter = store_.get(Key(event_counter_key))) {
    next_event_ = reserved_events_ = TRY(parse_number(counter->value));
  } else if (counter.error().code != Errc::not_found) {
    return std::move(counter).error();
  }
  for (const Record& record : TRY(store_.list(all_operations))) {
    Operation operation = TRY_IN("read operation " + record.key, operation_from_json(record.value));
    if (Result<uint64_t> number = parse_number(operation.id.substr(3)))
      next_operation_ = std::max(next_operation_, *number + 1);
    began_[operation.id] = clock_.now();
    operations_.emplace(operation.id, std::move(operation));
  }
  return {};
}

void Journal::publish(Event event) {
  if (next_event_ >= reserved_events_) {
    reserved_events_ = next_event_ + event_block;
    commits_.enqueue({{Key(event_counter_key), fmt::format("{}", reserved_events_), {}}});
  }
  event.id = next_event_++;
  event.time = clock_.wall();
  events_.push_back(std::move(event));
  if (events_.size() > most_events) events_.pop_front();
  for (const auto& listener : event_listeners) listener(events_.back());
}

std::vector<Event> Journal::events_after(uint64_t id) const {
  auto first = std::ranges::upper_bound(events_, id, {}, &Event::id);
  return {first, events_.end()};
}

std::string Journal::begin(const std::string& verb, const std::string& service) {
  Operation operation;
  operation.id = fmt::format("op-{}", next_operation_++);
  operation.verb = verb;
  operation.service = service;
  operation.started = operation.changed = clock_.wall();
  began_[operation.id] = clock_.now();
  std::string id = operation.id;
  operations_.emplace(id, std::move(operation));
  trim(service);
  return id;
}

CommitQueue::LateWrite Journal::row(const std::string& id) const {
  const Operation& operation = operations_.at(id);
  return {operation_key(operation.service, id), [operation] { return to_json(operation); }};
}

void Journal::add_step(const std::string& id, OperationStep step) {
  auto found = operations_.find(id);
  if (found != operations_.end()) found->second.steps.push_back(std::move(step));
}

void Journal::set_state(const std::string& id, OperationState state, std::optional<Error> error) {
  auto found = operations_.find(id);
  if (found == operations_.end()) return;
  Operation& operation = found->second;
  operation.state = state;
  operation.changed = clock_.wall();
  operation.duration = clock_.now() - began_[id];
  if (error && !operation.error) operation.error = std::move(error);
  if (is_ended(state)) commits_.enqueue({}, {row(id)});
  Event event;
  event.kind = "operation.changed";
  event.service = operation.service;
  event.operation = id;
  event.message =
      fmt::format("{} of `{}`: {}", operation.verb, operation.service, to_string(state));
  for (const auto& listener : operation_listeners) listener(operation);
  publish(std::move(event));
}

const Operation* Journal::find(const std::string& id) const {
  auto found = operations_.find(id);
  return found == operations_.end() ? nullptr : &found->second;
}

static uint64_t number_of(const Operation& operation) {
  return parse_number(operation.id.substr(3)).value_or(0);
}

std::vector<Operation> Journal::of_service(const std::string& service) const {
  std::vector<Operation> list;
  for (const auto& [id, operation] : operations_)
    if (service.empty() || operation.service == service) list.push_back(operation);
  std::ranges::sort(list, std::greater<>(), number_of);
  return list;
}

std::vector<std::string> Journal::unfinished() const {
  std::vector<std::string> list;
  for (const auto& [id, operation] : operations_)
    if (!is_ended(operation.state)) list.push_back(id);
  return list;
}

void Journal::trim(const std::string& service) {
  std::vector<std::pair<uint64_t, std::string>> own, all;
  for (const auto& [id, operation] : operations_) {
    if (!is_ended(operation.state)) continue;
    all.emplace_back(number_of(operation), id);
    if (operation.service == service) own.push_back(all.back());
  }
  std::vector<Write> writes;
  auto drop_oldest = [&](std::vector<std::pair<uint64_t, std::string>>& list, size_t most) {
    if (list.size() <= most) return;
    std::ranges::sort(list);
    for (size_t i = 0; i + most < list.size(); i++) {
      auto found = operations_.find(list[i].second);
      if (found == operations_.end()) continue;
      writes.push_back({operation_key(found->second.service, found->first), std::nullopt, {}});
      began_.erase(found->first);
      operations_.erase(found);
    }
  };
  drop_oldest(own, most_operations);
  drop_oldest(all, most_records);
  if (!writes.empty()) commits_.enqueue(std::move(writes));
}

}  // namespace vireo
