// SPDX-License-Identifier: Apache-2.0
// What a scalar's text is: its YAML type, and the small grammars of the descriptor's values. Each
// grammar has a regular expression for the JSON Schema beside the function that checks it; a test
// compares the two.
#pragma once
#include <string_view>

#include "model/yaml_tree.h"

namespace vireo {

// The type of a plain (unquoted) scalar by the core schema of YAML 1.2.
YamlKind plain_kind(std::string_view text);

// Where `text` stops being UTF-8 (RFC 3629) or holds a control character other than tab and line
// ends; npos when it does not.
size_t first_not_utf8(std::string_view text);

struct TextGrammar {
  std::string_view what;     // "a name"
  std::string_view example;  // "web-1"
  std::string_view pattern;  // ECMA 262, anchored
  bool (*matches)(std::string_view);
};

extern const TextGrammar name_grammar, image_grammar, technology_grammar, any_grammar,
    memory_grammar, duration_grammar, path_grammar, url_path_grammar, local_file_grammar,
    mode_grammar, subnet_grammar, address_grammar, mac_grammar, interface_grammar, variable_grammar;

}  // namespace vireo
