// SPDX-License-Identifier: Apache-2.0
// Compares a YAML tree with the language table: keys, kinds, types, values.
#pragma once
#include <vector>

#include "model/language.h"

namespace vireo {

void check_shape(const YamlNode& node, const Shape& shape, std::vector<Finding>& findings);

// Whether a scalar has a type and a value that the shape takes.
bool scalar_fits(const YamlNode& node, const Shape& shape);

}  // namespace vireo
