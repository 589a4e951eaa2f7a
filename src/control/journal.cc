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
    keep(std::move(operation));
  }
  return {};
}

static std::string id_of(uint64_t number) { return fmt::format("op-{}", number); }

static uint64_t number_of(const Operation& operation) {
  return parse_number(operation.id.substr(3)).value_or(0);
}

void Journal::keep(Operation operation) {
  const uint64_t number = number_of(operation);
  numbers_.insert(number);
  numbers_of_[operation.service].insert(number);
  began_[operation.id] = clock_.now();
  std::string id = operation.id;
  operations_.emplace(std::move(id), std::move(operation));
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
  operation.id = id_of(next_operation_++);
  operation.verb = verb;
  operation.service = service;
  operation.started = operation.changed = clock_.wall();
  std::string id = operation.id;
  keep(std::move(operation));
  trim(service);
  return id;
}

CommitQueue::LateWrite Journal::row(const std::string& id) const {
  const Operation& operation = operations_.at(id);
  return late_write(operation_key(operation.service, id), operation);
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

// Once for each operation: what it looks at must not grow with those that there are.
void Journal::trim(const std::string& service) {
  std::vector<Write> writes;
  drop_oldest(numbers_of_[service], most_operations, writes);
  drop_oldest(numbers_, most_records, writes);
  if (!writes.empty()) commits_.enqueue(std::move(writes));
}

void Journal::drop_oldest(const std::set<uint64_t>& numbers, size_t most,
                          std::vector<Write>& writes) {
  const size_t surplus = numbers.size() - std::min(most, numbers.size());
  std::vector<uint64_t> gone;
  for (auto each = numbers.begin(); each != numbers.end() && gone.size() < surplus; ++each)
    if (is_ended(operations_.at(id_of(*each)).state)) gone.push_back(*each);
  for (const uint64_t number : gone) {
    const auto found = operations_.find(id_of(number));
    const std::string service = found->second.service;
    writes.push_back({operation_key(service, found->first), std::nullopt, {}});
    began_.erase(found->first);
    operations_.erase(found);
    numbers_.erase(number);
    if (auto& own = numbers_of_[service]; own.erase(number) != 0 && own.empty())
      numbers_of_.erase(service);
  }
}

}  // namespace vireo
