// SPDX-License-Identifier: Apache-2.0
// What an image of a libvnf function says of itself (its label `org.vireo.function`, JSON): role,
// ports, configuration fields with their place in the configuration struct, counters, state
// version. The daemon knows functions only through this value; it never knows one by name.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vireo {

// transparent: forwards at layer 2, has no address. routed: an address on each port. endpoint: ends
// traffic.
enum class FunctionRole { transparent, routed, endpoint };
// packet: the function gets each port as a descriptor of packets. stack: the kernel has the ports.
enum class PortStyle { packet, stack };

enum class FieldType {
  boolean,
  u8,
  u16,
  u32,
  u64,
  duration_ms,
  ipv4,
  ipv6,
  ip,
  prefix,
  mac,
  text,
  choice,
  records
};

// One field of a configuration struct. Encodings (little endian, at `offset`): boolean u8; duration
// u32 milliseconds; ipv4 4 bytes, ipv6 16 bytes in network order; ip = {u8 family 4|6|0, 3 bytes
// zero, 16 bytes}; prefix = {u8 family, u8 length, 2 bytes zero, 16 bytes}; mac 6 bytes; text =
// `size` bytes, zero padded and zero terminated; choice u8, the index in `choices`; records = u32
// count at `offset`, the elements of `size` bytes each from `offset` + 8, at most `most`.
struct ConfigField {
  std::string name;
  FieldType type = FieldType::u32;
  uint32_t offset = 0;
  uint32_t size = 0;                  // text: bytes; records: bytes of one element
  uint32_t most = 0;                  // records: how many fit
  uint64_t minimum = 0, maximum = 0;  // numbers; both 0: any
  std::vector<std::string> choices;
  bool required = false;
  std::string fallback;  // value when absent, as JSON text; "" leaves zero bytes
  std::string help;
  std::vector<ConfigField> fields;  // records: fields of one element, offsets from its start
};

struct FunctionType {
  std::string name;  // "firewall"
  std::string summary;
  FunctionRole role = FunctionRole::endpoint;
  PortStyle ports = PortStyle::packet;
  uint32_t fewest_ports = 1, most_ports = 1;
  uint32_t abi = 0;            // vnf/abi.h: vnf_abi_version
  uint32_t state_version = 0;  // 0: no state to carry over
  uint32_t config_size = 0;    // bytes of the configuration struct
  std::vector<ConfigField> config;
  std::vector<std::string> counters;  // names, in the order of the vitals page's counters
};

Result<FunctionType> function_type_from_json(std::string_view json);
std::string to_json(const FunctionType& type);

struct ConfigError {
  std::string path;     // "rules[2].port"
  std::string message;  // "`prt` is not a key of a rule"
  std::string fix;      // "did you mean `port`?"
};

// Checks `config_json` (an object, or "" for none) against the type and writes the struct.
struct EncodedConfig {
  std::string bytes;                // config_size bytes
  std::vector<ConfigError> errors;  // empty: valid
};
EncodedConfig encode_config(const FunctionType& type, std::string_view config_json);

}  // namespace vireo
