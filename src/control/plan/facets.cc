// SPDX-License-Identifier: Apache-2.0
#include "control/plan/facets.h"

#include <fmt/format.h>

#include "base/json.h"

namespace vireo {

std::vector<FacetChange> compare(const Facets& applied, const Facets& desired) {
  std::vector<FacetChange> changes;
  for (const auto& [name, value] : desired) {
    auto old = applied.find(name);
    if (old != applied.end() && old->second != value) changes.push_back({name, old->second, value});
  }
  return changes;
}

FacetEffect effect_of(std::string_view facet) {
  if (facet == "cpus" || facet == "memory" || facet == "pids") return FacetEffect::resize;
  if (facet == "wiring" || facet == "hosts") return FacetEffect::rewire;
  if (facet == "health" || facet == "restart") return FacetEffect::none;
  return FacetEffect::replace;
}

std::string short_hash(std::string_view text) {
  // Two FNV-1a sums with different seeds: 128 bits against accidents, not against attackers.
  uint64_t low = 0xcbf29ce484222325, high = 0x84222325cbf29ce4;
  for (char c : text) {
    low = (low ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    high = (high ^ static_cast<uint8_t>(c) ^ (high >> 29)) * 0x100000001b3;
  }
  return fmt::format("{:016x}{:016x}", high, low);
}

Facets wiring_facets(const std::vector<PortSpec>& ports) {
  std::string text;
  for (const PortSpec& port : ports) {
    text += port.name;
    if (port.outward) text += "^";
    if (port.routes) text += "*";
    for (const auto* list : {&port.behind, &port.neighbours})
      for (const Neighbour& neighbour : *list)
        text += to_string(neighbour.address) + to_string(neighbour.mac) + ",";
    for (const IpAddress& gateway : port.gateways) text += ">" + to_string(gateway);
  }
  return {{"wiring", short_hash(text)}};
}

std::string to_json(const Facets& facets) {
  Json object = Json::object();
  for (const auto& [name, value] : facets) object.set(name, value);
  return object.dump();
}

Result<Facets> facets_from_json(std::string_view json) {
  Json object = TRY(parse_json(json));
  Facets facets;
  for (const auto& [name, value] : object.members()) facets[name] = value.text();
  return facets;
}

}  // namespace vireo
