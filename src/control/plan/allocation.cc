// SPDX-License-Identifier: Apache-2.0
#include "control/plan/allocation.h"

#include <fmt/format.h>

#include "base/json.h"

namespace vireo {

std::string to_json(const Allocation& allocation) {
  Json ports = Json::object();
  for (const auto& [name, port] : allocation.ports) {
    Json addresses = Json::array();
    for (const IpAddress& address : port.addresses) addresses.push(to_string(address));
    Json entry;
    entry.set("mac", to_string(port.mac)).set("addresses", std::move(addresses));
    ports.set(name, std::move(entry));
  }
  return Json::object().set("ports", std::move(ports)).dump();
}

Result<Allocation> allocation_from_json(std::string_view json) {
  Json document = TRY(parse_json(json));
  Allocation allocation;
  for (const auto& [name, entry] : document["ports"].members()) {
    PortAllocation port;
    port.mac = TRY(parse_mac(entry["mac"].text()));
    for (const Json& address : entry["addresses"].items())
      port.addresses.push_back(TRY(parse_ip(address.text())));
    allocation.ports.emplace(name, std::move(port));
  }
  return allocation;
}

MacAddress mac_for(std::string_view name, unsigned attempt) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char c : fmt::format("{}#{}", name, attempt))
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  MacAddress mac;
  mac.bytes[0] = 0x02;
  for (size_t i = 1; i < 6; i++) mac.bytes[i] = static_cast<uint8_t>(hash >> (8 * (i + 1)));
  return mac;
}

}  // namespace vireo
