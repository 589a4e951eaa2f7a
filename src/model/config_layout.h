// SPDX-License-Identifier: Apache-2.0
// Rules that a function's configuration fields must keep, whoever wrote the image's label: every
// field lies inside its struct and overlaps no other, limits fit the type, defaults are valid.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/function_type.h"

namespace vireo {

namespace config_limits {
inline constexpr uint32_t largest_config = 1u << 20;  // as vnf/abi.h: max_config_bytes
inline constexpr uint32_t most_ports = 8;             // max_ports
inline constexpr uint32_t most_counters = 120;        // max_counters
inline constexpr uint32_t most_fields = 256;
inline constexpr uint32_t longest_name = 64;
}  // namespace config_limits

struct LayoutFault {
  std::string path;  // "config[2].fields[0].offset"
  std::string message;
};
std::optional<LayoutFault> layout_fault(std::span<const ConfigField> fields, uint32_t struct_size,
                                        const std::string& path);

// Lower case letters, digits, `_` and `-`, a letter first.
bool is_config_name(std::string_view name);

// A whole number that is not negative.
std::optional<uint64_t> unsigned_of(const Json& json);

// Bytes that one field takes in its struct.
uint64_t bytes_of(const ConfigField& field);

// The limits of a number: the field's own, or its type's.
struct NumberBounds {
  uint64_t minimum = 0, maximum = 0;
};
NumberBounds range_of(const ConfigField& field);

// Writes one value at its offset of `record`. What is wrong is appended to `errors`.
void encode_field(const ConfigField& field, const Json& value, const std::string& path,
                  std::span<uint8_t> record, std::vector<ConfigError>& errors);

}  // namespace vireo
