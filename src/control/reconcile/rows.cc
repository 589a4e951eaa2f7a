// SPDX-License-Identifier: Apache-2.0
#include "control/reconcile/rows.h"

#include <fmt/format.h>

#include <array>

#include "base/json.h"
#include "base/text.h"
#include "model/descriptor.h"

namespace vireo {
namespace {

Json json_of_row(const ServiceRow& row) {
  Json images = Json::object(), floors = Json::object(), stopped = Json::array(),
       paused = Json::array();
  for (const auto& [reference, digest] : row.images) images.set(reference, digest);
  for (const auto& [function, floor] : row.floors) floors.set(function, floor);
  for (const std::string& function : row.stopped) stopped.push(function);
  for (const std::string& function : row.paused) paused.push(function);
  Json json = Json::object();
  json.set("spec", to_json(row.spec)).set("images", std::move(images));
  json.set("floors", std::move(floors)).set("stopped", std::move(stopped));
  json.set("paused", std::move(paused));
  json.set("removing", row.removing).set("operation", row.operation);
  if (row.previous) json.set("previous", json_of_row(*row.previous));
  return json;
}

Result<ServiceRow> row_of_json(const Json& json) {
  ServiceRow row;
  row.spec = TRY(service_from_json(json["spec"].text()));
  for (const auto& [reference, digest] : json["images"].members())
    row.images[reference] = digest.text();
  for (const auto& [function, floor] : json["floors"].members())
    row.floors[function] = static_cast<uint64_t>(floor.integer());
  for (const Json& function : json["stopped"].items()) row.stopped.insert(function.text());
  for (const Json& function : json["paused"].items()) row.paused.insert(function.text());
  row.removing = json["removing"].boolean();
  row.operation = json["operation"].text();
  if (json.has("previous"))
    row.previous = std::make_shared<const ServiceRow>(TRY(row_of_json(json["previous"])));
  return row;
}

int64_t microseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime wall_time(const Json& json) {
  return WallTime(
      std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(json.integer())));
}

Json json_of(const OperationStep& step) {
  Json phases = Json::array();
  for (const Phase& phase : step.phases) {
    Json entry = Json::object();
    entry.set("name", phase.name).set("note", phase.note);
    entry.set("ns", int64_t{phase.duration.count()});
    phases.push(std::move(entry));
  }
  Json json = Json::object();
  json.set("id", step.id).set("subject", step.subject).set("phases", std::move(phases));
  json.set("ns", int64_t{step.duration.count()});
  if (!step.handover) return json;
  json.set("gap_ns", int64_t{step.handover->gap.count()});
  if (step.handover->lost) json.set("lost", *step.handover->lost);
  return json;
}

OperationStep step_of(const Json& json) {
  OperationStep step{json["id"].text(),
                     json["subject"].text(),
                     {},
                     std::chrono::nanoseconds(json["ns"].integer()),
                     {}};
  for (const Json& phase : json["phases"].items())
    step.phases.push_back({phase["name"].text(), phase["note"].text(),
                           std::chrono::nanoseconds(phase["ns"].integer())});
  if (!json.has("gap_ns")) return step;
  step.handover = Handover{std::chrono::nanoseconds(json["gap_ns"].integer()), {}};
  if (json.has("lost")) step.handover->lost = static_cast<uint64_t>(json["lost"].integer());
  return step;
}

}  // namespace

std::string to_json(const ServiceRow& row) { return json_of_row(row).dump(); }

Result<ServiceRow> service_row_from_json(std::string_view json) {
  return row_of_json(TRY(parse_json(json)));
}

std::string to_json(const InstanceRow& row) {
  Json json = Json::object();
  json.set("generation", row.generation).set("facets", to_json(row.facets));
  json.set("restarts", row.restarts).set("started", microseconds(row.started));
  return json.dump();
}

Result<InstanceRow> instance_row_from_json(std::string_view text) {
  Json json = TRY(parse_json(text));
  InstanceRow row;
  row.generation = static_cast<uint64_t>(json["generation"].integer());
  row.facets = TRY(facets_from_json(json["facets"].text()));
  row.restarts = static_cast<unsigned>(json["restarts"].integer());
  row.started = wall_time(json["started"]);
  return row;
}

std::string to_json(const Operation& operation) {
  Json steps = Json::array();
  for (const OperationStep& step : operation.steps) steps.push(json_of(step));
  Json json = Json::object();
  json.set("id", operation.id).set("verb", operation.verb).set("service", operation.service);
  json.set("state", static_cast<int>(operation.state));
  json.set("started", microseconds(operation.started));
  json.set("changed", microseconds(operation.changed));
  json.set("ns", int64_t{operation.duration.count()}).set("steps", std::move(steps));
  if (operation.error) {
    json.set("error", operation.error->message);
    json.set("code", static_cast<int>(operation.error->code));
  }
  return json.dump();
}

Result<Operation> operation_from_json(std::string_view text) {
  Json json = TRY(parse_json(text));
  Operation operation;
  operation.id = json["id"].text();
  operation.verb = json["verb"].text();
  operation.service = json["service"].text();
  int64_t state = json["state"].integer();
  if (state < 0 || state > static_cast<int64_t>(OperationState::rolled_back))
    return Error{Errc::corrupt, "the state of an operation is out of range"};
  operation.state = static_cast<OperationState>(state);
  operation.started = wall_time(json["started"]);
  operation.changed = wall_time(json["changed"]);
  operation.duration = std::chrono::nanoseconds(json["ns"].integer());
  for (const Json& step : json["steps"].items()) operation.steps.push_back(step_of(step));
  if (json.has("error"))
    operation.error = Error{static_cast<Errc>(json["code"].integer()), json["error"].text()};
  return operation;
}

Key service_key(std::string_view service) { return fmt::format("{}{}", all_services, service); }
Key allocation_key(std::string_view service) {
  return fmt::format("allocation/local/default/{}", service);
}
Key instance_key(std::string_view service, std::string_view function) {
  return fmt::format("instance/local/default/{}/{}", service, function);
}
Key link_key(std::string_view service, std::string_view link) {
  return fmt::format("link/local/default/{}/{}", service, link);
}
Key operation_key(std::string_view service, std::string_view id) {
  return fmt::format("{}{}/{}", all_operations, service, id);
}

std::optional<InstanceName> parse_instance_id(std::string_view id) {
  std::vector<std::string_view> parts = split(id, '/');
  if (parts.size() != 3 || parts[0] != "default") return std::nullopt;
  size_t dot = parts[2].rfind(".1@");
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  std::string_view number = parts[2].substr(dot + 3);
  Result<uint64_t> generation = parse_number(number.substr(0, number.find(':')));
  if (!generation) return std::nullopt;
  return InstanceName{std::string(parts[1]), std::string(parts[2].substr(0, dot)), *generation};
}

std::optional<std::pair<std::string, std::string>> parse_link_id(std::string_view id) {
  std::vector<std::string_view> parts = split(id, '/');
  if (parts.size() != 3 || parts[0] != "default") return std::nullopt;
  return std::pair(std::string(parts[1]), std::string(parts[2]));
}

}  // namespace vireo
