// SPDX-License-Identifier: Apache-2.0
// JSON as YAML in block style, for people. Pure.
#pragma once
#include <string>

#include "base/json.h"

namespace vireo {

std::string yaml_text(const Json& json);

}  // namespace vireo
