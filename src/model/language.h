// SPDX-License-Identifier: Apache-2.0
// The language of descriptors as one table of data: the parser (shape_check.h) and the JSON Schema
// (descriptor_schema) are both read from it, so that they cannot disagree.
#pragma once
#include <span>
#include <string_view>

#include "model/scalar_text.h"

namespace vireo {

// scalar: one word. list: of one shape. map: names chosen by the user -> one shape. section: keys
// of the language. either: the first alternative of the value's kind. object: anything in a map.
enum class Form { scalar, list, map, section, either, object };

constexpr unsigned kind_bit(YamlKind kind) { return 1u << static_cast<unsigned>(kind); }

struct Key;

struct Shape {
  Form form = Form::scalar;
  std::string_view what = {};                       // "a list of ports", in "must be ..."
  unsigned kinds = kind_bit(YamlKind::text);        // scalar: types it may have
  const TextGrammar* grammar = nullptr;             // scalar: of its text
  double minimum = 0, maximum = 0;                  // scalar: of a number; both 0: any
  std::span<const std::string_view> choices = {};   // scalar: the only words
  const Shape* item = nullptr;                      // list, map
  size_t fewest = 0;                                // list
  const TextGrammar* names = nullptr;               // map
  std::string_view noun = {};                       // map: what an entry is, "function"
  std::span<const Key> keys = {};                   // section
  std::span<const std::string_view> one_of = {};    // section: exactly one of these keys
  bool may_be_empty = false;                        // section: `lan:` with nothing behind it
  std::span<const Shape* const> alternatives = {};  // either: each of another YAML kind
};

struct Key {
  std::string_view name;
  const Shape* shape = nullptr;  // nullptr: a key of a later version
  std::string_view help = {};
  bool required = false;
  std::string_view needs = {};  // only together with this key
};

// The whole document, and the parts that `vireo schema SECTION` can name.
extern const Shape service_shape;
const Shape* find_section(std::string_view name);  // nullptr: no such key
std::vector<std::string> section_names();

}  // namespace vireo
