// SPDX-License-Identifier: Apache-2.0
// From what the user wrote to what the host shall have. Pure: same inputs, same result.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/plan/allocation.h"
#include "control/plan/facets.h"
#include "control/plan/topology.h"
#include "driver/driver.h"
#include "fabric/fabric.h"
#include "image/image_store.h"
#include "model/descriptor.h"
#include "model/service.h"

namespace vireo {

// A technology that some driver knows, and what this host makes of it.
struct TechnologyOffer {
  std::string technology;
  size_t driver = 0;                 // index in Control::Parts::drivers
  std::vector<PortKind> port_kinds;  // the driver takes, best first
  HostSupport support;
};

// An image as looked up for one reference of the descriptor.
struct ResolvedImage {
  Image image;
  UserIds user;
  std::optional<Error> error{};  // then the rest is empty
  std::string near{};            // not_found: the name that may have been meant
};

struct PlanInputs {
  const ServiceSpec& service;
  const std::map<std::string, ResolvedImage>& images;  // by FunctionSpec::image
  const std::vector<TechnologyOffer>& technologies;
  const FabricInfo& fabric;
  const Allocation& allocation;  // of an earlier plan; empty for a new service
  uint64_t host_memory = 0;      // 0: not checked
};

// One function as it shall run. Ids in `instance` lack the generation: "default/s/fw.1" and
// "default/s/fw.1:port0"; at_generation() completes them.
struct DesiredFunction {
  std::string name;
  size_t driver = 0;
  InstanceSpec instance;
  std::string image;  // the reference as written
  std::optional<HealthCheck> health;
  RestartPolicy restart = RestartPolicy::always;
  bool libvnf = false;
  bool make_before_break = false;  // a packet function: its state and traffic are moved
  bool has_state = false;
  std::vector<std::string> counters;  // names
  Facets facets;
  std::string technology_note;  // why an earlier preference was passed over
};

struct DesiredLink {
  std::string name;
  LinkRequest request;
  std::vector<IpPrefix> subnets;
  bool implied = false;
  Facets facets;
};

struct Desired {
  std::string service;
  std::vector<DesiredLink> links;
  std::vector<DesiredFunction> functions;  // in the descriptor's order
  std::vector<std::string> chain;
  Allocation allocation;
};

struct PlanResult {
  Desired desired;
  std::vector<Finding> findings;  // not empty: `desired` is not to be used
};

PlanResult plan_service(const PlanInputs& inputs);

// The instance as generation `generation`: ids "default/s/fw.1@3" and "default/s/fw.1@3:port0".
InstanceSpec at_generation(const InstanceSpec& instance, uint64_t generation);

std::string service_prefix(std::string_view service);  // "default/SERVICE/"

}  // namespace vireo
