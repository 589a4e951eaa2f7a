// SPDX-License-Identifier: Apache-2.0
// The two halves of parse_descriptor() behind the check of shapes: reading values, checking
// meaning.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "model/yaml_tree.h"

namespace vireo {

using LocalFileReader = std::function<Result<std::string>(const std::string&)>;

// A value that may be written alone or as a list of several.
std::vector<const YamlNode*> one_or_more(const YamlNode* node);

// What the tree says; values that do not parse are left out, for check_shape() has reported them.
// Local files that cannot be read are findings.
ServiceSpec read_service(const YamlNode& root, const LocalFileReader& read_file,
                         std::vector<Finding>& findings);

// Findings of what single values do not show. `root` gives the places.
void check_links(const YamlNode& root, std::vector<Finding>& findings);
void check_functions(const YamlNode& root, std::vector<Finding>& findings);
void check_chain(const YamlNode& root, std::vector<Finding>& findings);

}  // namespace vireo
