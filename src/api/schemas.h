// SPDX-License-Identifier: Apache-2.0
// JSON Schemas of the API's bodies, as the OpenAPI document shows them.
#pragma once
#include "base/json.h"

namespace vireo {

Json component_schemas();

}  // namespace vireo
