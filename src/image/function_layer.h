// SPDX-License-Identifier: Apache-2.0
// The single layer of a function's image.
#pragma once
#include <string>

#include "base/result.h"

namespace vireo {

// A gzip'ed tar of the program as /function, of its unikernel (PROGRAM.elf, if there is one) as
// /function.elf, and the mount points that a read-only root needs. The same programs give the same
// bytes.
Result<std::string> function_layer(const std::string& program);

// The OCI config's `config` of such an image.
std::string function_settings(const std::string& function_type_json);

inline constexpr const char* function_label = "org.vireo.function";

}  // namespace vireo
