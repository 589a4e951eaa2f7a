// SPDX-License-Identifier: Apache-2.0
// A planned function or link as named short texts ("memory" -> "8.0 MiB", long values as hashes):
// what was applied is remembered this way, and what differs is found by name.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/fabric.h"
#include "model/instance.h"

namespace vireo {

using Facets = std::map<std::string, std::string>;

struct FacetChange {
  std::string name, old_value, new_value;
};

// Names on one side only are left out: facets that another version of Vireo did not know must not
// make an upgrade replace what runs.
std::vector<FacetChange> compare(const Facets& applied, const Facets& desired);

// How a change of one facet is carried out.
// rewire: what an instance is told of the others around it is told anew.
enum class FacetEffect { replace, resize, rewire, none };
FacetEffect effect_of(std::string_view facet);

std::string short_hash(std::string_view text);
Facets wiring_facets(const std::vector<PortSpec>& ports);  // what fabric.update() can change

std::string to_json(const Facets& facets);
Result<Facets> facets_from_json(std::string_view json);

}  // namespace vireo
