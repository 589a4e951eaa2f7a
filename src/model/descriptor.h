// SPDX-License-Identifier: Apache-2.0
// The text form of a network service: YAML (or JSON, its subset) <-> ServiceSpec, and its schema.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace vireo {

// One finding in a descriptor, with all that a person needs to mend it.
struct Finding {
  SourcePlace place;
  int length = 1;       // how many columns the caret line marks
  std::string message;  // "unknown key `imag` in function `fw`"
  std::string fix;      // "did you mean `image`?", may be empty
};

// "FILE:LINE:COLUMN: MESSAGE", the source line, a caret line, the fix: as shared by every verb.
std::string finding_text(const Finding& finding, std::string_view file, std::string_view text);

struct ParsedDescriptor {
  ServiceSpec service;
  std::vector<Finding> findings;  // empty: the descriptor is valid
};

// `read_file` gives the content of a local file named under `files:` (the CLI sent it along);
// relative names are relative to the descriptor. Checks everything that needs no host and no
// image: keys, types, duplicate keys, names, subnets, overlaps, addresses, chain.
ParsedDescriptor parse_descriptor(
    std::string_view text, const std::function<Result<std::string>(const std::string&)>& read_file);

// Names of the local files that the descriptor refers to under `files: {from: NAME}`, as written;
// for the CLI, which sends them. Unparsable text gives none: the daemon says what is wrong.
std::vector<std::string> local_files(std::string_view text);

// The name under `service:`, "" when the text does not say one.
std::string service_name(std::string_view text);

// The JSON Schema (draft 2020-12) of the descriptor, generated from the same table that drives the
// parser. With a section name ("functions", "links", ...), that part alone.
Result<std::string> descriptor_schema(std::string_view section = {});

// The service as canonical JSON, for the store, and back. Round trips exactly (but for places).
std::string to_json(const ServiceSpec& service);
Result<ServiceSpec> service_from_json(std::string_view json);

}  // namespace vireo
