// SPDX-License-Identifier: Apache-2.0
// The documents that control keeps in the store, and their keys.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/plan/facets.h"
#include "model/operation.h"
#include "model/service.h"
#include "store/store.h"

namespace vireo {

// What the user wants of one service.
struct ServiceRow {
  ServiceSpec spec;
  std::map<std::string, std::string> images;  // reference -> digest, pinned when it was run
  std::set<std::string> stopped;              // functions
  std::set<std::string> paused;               // functions; none is stopped, too
  std::map<std::string, uint64_t> floors;  // function -> lowest generation that will do (restart)
  bool removing = false;
  std::string operation;                       // under way
  std::shared_ptr<const ServiceRow> previous;  // to roll back to; nothing: remove the service
};

// What was started for one function.
struct InstanceRow {
  uint64_t generation = 0;
  Facets facets;
  unsigned restarts = 0;
  WallTime started;
};

std::string to_json(const ServiceRow& row);
Result<ServiceRow> service_row_from_json(std::string_view json);
std::string to_json(const InstanceRow& row);
Result<InstanceRow> instance_row_from_json(std::string_view json);
std::string to_json(const Operation& operation);
Result<Operation> operation_from_json(std::string_view json);

Key service_key(std::string_view service);
Key allocation_key(std::string_view service);
Key instance_key(std::string_view service, std::string_view function);
Key link_key(std::string_view service, std::string_view link);
Key operation_key(std::string_view service, std::string_view id);
inline constexpr std::string_view all_services = "service/local/default/";
inline constexpr std::string_view all_operations = "operation/local/default/";
inline constexpr std::string_view event_counter_key = "counter/local/default/events";

// The parts of "default/SERVICE/FUNCTION.1@3", also with ":port0" behind; nothing for other texts.
struct InstanceName {
  std::string service, function;
  uint64_t generation = 0;
};
std::optional<InstanceName> parse_instance_id(std::string_view id);
// The parts of "default/SERVICE/LINK".
std::optional<std::pair<std::string, std::string>> parse_link_id(std::string_view id);

}  // namespace vireo
