// SPDX-License-Identifier: Apache-2.0
// YAML as a plain tree with places; the library behind it is included in yaml_tree.cc alone.
// Types of plain scalars follow the core schema of YAML 1.2 (section 10.3.2).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/descriptor.h"

namespace vireo {

enum class YamlKind { null, boolean, integer, number, text, list, map };

struct YamlMember;

struct YamlNode {
  YamlKind kind = YamlKind::null;
  std::string value;  // of a scalar, as written but without quotes
  SourcePlace place;
  int length = 1;                   // columns on its first line, at least 1
  std::vector<YamlNode> items;      // list
  std::vector<YamlMember> members;  // map, in order; the last of a double wins

  bool is_scalar() const { return kind != YamlKind::list && kind != YamlKind::map; }
  // The value of a key of a map; nullptr when absent or when this is no map.
  const YamlNode* find(std::string_view key) const;
  const YamlNode* find_key(std::string_view key) const;  // the key itself
};

struct YamlMember {
  YamlNode first, second;  // key, value
};

struct YamlTree {
  YamlNode root;
  std::vector<Finding>
      findings;  // syntax, aliases, doubles, depth; the tree holds what was understood
};

inline constexpr size_t yaml_largest = 1u << 20;
inline constexpr size_t yaml_deepest = 32;

// Refuses what a description does not need and a bomb does: anchors, aliases, tags, more than one
// document, more than 1 MiB, more than 32 levels, text that is not UTF-8.
YamlTree parse_yaml(std::string_view text);

// The whole number that an integer scalar means: decimal, 0x or 0o.
std::optional<int64_t> integer_of(const YamlNode& node);

Json json_of(const YamlNode& node);

}  // namespace vireo
