// SPDX-License-Identifier: Apache-2.0
// What a user describes: a network service of functions (VNFs), virtual links and a forwarding
// graph (ETSI GS NFV-IFA 014). Plain values; the text form is in model/descriptor.h.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/net_address.h"

namespace vireo {

// Where in the descriptor's text something was said; lines and columns count from 1.
struct SourcePlace {
  int line = 0;
  int column = 0;
  auto operator<=>(const SourcePlace&) const = default;
};

struct Resources {
  double cpus = 0;      // 0: no limit
  uint64_t memory = 0;  // bytes, 0: no limit
  uint64_t pids = 0;    // 0: the driver's default
  // How long it polls for packets before it sleeps, with processors of its own; 0: never.
  std::chrono::microseconds poll{0};
  bool operator==(const Resources&) const = default;
};

// A file put into the instance, read-only, owned by its root.
struct FileContent {
  std::string path;  // absolute, inside the instance
  std::string content;
  uint32_t mode = 0644;
  bool operator==(const FileContent&) const = default;
};

enum class HealthKind { heartbeat, tcp, http, exec };  // heartbeat: the vitals page (libvnf)

struct HealthCheck {
  HealthKind kind = HealthKind::heartbeat;
  uint16_t port = 0;                 // tcp, http
  std::string path;                  // http
  std::vector<std::string> command;  // exec
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds timeout{1000};
  unsigned retries = 3;  // failures in a row before the instance counts as unhealthy
  bool operator==(const HealthCheck&) const = default;
};

enum class RestartPolicy { always, on_failure, never };

// A connection point as written under `ports`; what is not set is allocated by the planner.
struct PortRequest {
  std::string link;
  std::vector<IpAddress> addresses;
  std::optional<MacAddress> mac;
  bool broadcast = false;  // takes part in broadcast and multicast (DHCP, VRRP)
  SourcePlace place;
  bool operator==(const PortRequest& o) const {
    return link == o.link && addresses == o.addresses && mac == o.mac && broadcast == o.broadcast;
  }
};

struct FunctionSpec {
  std::string name;
  std::string image;
  std::vector<std::string> technologies;  // in order of preference; empty: container
  std::vector<std::string> command;       // replaces the image's entry point and arguments
  std::map<std::string, std::string> environment;
  std::vector<FileContent> files;
  Resources resources;
  std::string config_json;  // of a libvnf function, as one JSON object; "" when absent
  std::optional<HealthCheck> health;
  RestartPolicy restart = RestartPolicy::always;
  std::vector<PortRequest> ports;  // of a function outside the chain
  SourcePlace place, image_place, technology_place, config_place, memory_place;
  std::map<std::string, SourcePlace> config_places;  // "rules[2].port": where the key stands
};

// An interface of the host that joins a link.
struct Uplink {
  std::string interface;
  bool take = false;  // even if it has addresses or carries the default route
  bool operator==(const Uplink&) const = default;
};

struct LinkSpec {
  std::string name;
  std::vector<IpPrefix> subnets;          // networks, v4 and v6
  std::vector<IpAddress> host_addresses;  // addresses of the host on this link
  std::optional<Uplink> uplink;
  SourcePlace place;
};

// One network service (NSD).
struct ServiceSpec {
  std::string name;
  std::vector<FunctionSpec> functions;  // in the descriptor's order
  std::vector<LinkSpec> links;
  std::vector<std::string> chain;         // names of links and functions, in order; may be empty
  std::vector<SourcePlace> chain_places;  // one for each element of `chain`
};

}  // namespace vireo
