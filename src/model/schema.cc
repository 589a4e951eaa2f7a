// SPDX-License-Identifier: Apache-2.0
// The JSON Schema (draft 2020-12) of the language table.
#include <fmt/format.h>

#include <cmath>

#include "base/json.h"
#include "model/descriptor.h"
#include "model/finding.h"
#include "model/language.h"

namespace vireo {
namespace {

Json schema_of(const Shape& shape);

Json number_of(double value) {
  if (value == std::floor(value)) return static_cast<int64_t>(value);
  return value;
}

// One of the types that a scalar may have, with its limits.
Json typed(const Shape& shape, YamlKind kind) {
  Json schema;
  switch (kind) {
    case YamlKind::boolean:
      return schema.set("type", "boolean");
    case YamlKind::integer:
      schema.set("type", "integer");
      break;
    case YamlKind::number:
      schema.set("type", "number");
      break;
    default:
      schema.set("type", "string");
      break;
  }
  if (kind == YamlKind::text) {
    if (shape.grammar != nullptr && !shape.grammar->pattern.empty())
      schema.set("pattern", shape.grammar->pattern);
    if (!shape.choices.empty()) {
      Json words = Json::array();
      for (std::string_view word : shape.choices) words.push(word);
      schema.set("enum", std::move(words));
    }
    return schema;
  }
  bool any = shape.minimum == 0 && shape.maximum == 0;
  if (!any)
    schema.set("minimum", number_of(shape.minimum)).set("maximum", number_of(shape.maximum));
  // An amount without unit is digits alone.
  if (any && shape.grammar != nullptr && !shape.grammar->pattern.empty()) schema.set("minimum", 0);
  return schema;
}

Json scalar_schema(const Shape& shape) {
  std::vector<Json> forms;
  for (YamlKind kind : {YamlKind::text, YamlKind::integer, YamlKind::number, YamlKind::boolean}) {
    bool within_number =
        kind == YamlKind::integer && (shape.kinds & kind_bit(YamlKind::number)) != 0;
    if ((shape.kinds & kind_bit(kind)) != 0 && !within_number) forms.push_back(typed(shape, kind));
  }
  if (forms.size() == 1) return forms[0];
  Json any = Json::array();
  for (Json& form : forms) any.push(std::move(form));
  return Json::object().set("anyOf", std::move(any));
}

Json list_schema(const Shape& shape) {
  Json schema;
  schema.set("type", "array").set("items", schema_of(*shape.item));
  if (shape.fewest > 0) schema.set("minItems", static_cast<int64_t>(shape.fewest));
  return schema;
}

Json map_schema(const Shape& shape) {
  Json schema;
  return schema.set("type", "object")
      .set("propertyNames", Json::object().set("pattern", shape.names->pattern))
      .set("additionalProperties", schema_of(*shape.item));
}

Json section_schema(const Shape& shape) {
  Json schema;
  if (shape.may_be_empty)
    schema.set("type", Json::array().push("object").push("null"));
  else
    schema.set("type", "object");
  Json properties = Json::object();
  Json required = Json::array();
  Json needs = Json::object();
  for (const Key& key : shape.keys) {
    if (key.shape == nullptr) continue;
    properties.set(std::string(key.name), schema_of(*key.shape).set("description", key.help));
    if (key.required) required.push(key.name);
    if (!key.needs.empty()) needs.set(std::string(key.name), Json::array().push(key.needs));
  }
  schema.set("properties", std::move(properties)).set("additionalProperties", false);
  if (!required.items().empty()) schema.set("required", std::move(required));
  if (!needs.members().empty()) schema.set("dependentRequired", std::move(needs));
  if (shape.one_of.empty()) return schema;
  Json forms = Json::array();
  for (std::string_view key : shape.one_of)
    forms.push(Json::object().set("required", Json::array().push(key)));
  return schema.set("oneOf", std::move(forms));
}

Json schema_of(const Shape& shape) {
  switch (shape.form) {
    case Form::scalar:
      return scalar_schema(shape);
    case Form::list:
      return list_schema(shape);
    case Form::map:
      return map_schema(shape);
    case Form::section:
      return section_schema(shape);
    case Form::object:
      return Json::object().set("type", "object");
    case Form::either:
      break;
  }
  Json forms = Json::array();
  for (const Shape* one : shape.alternatives) forms.push(schema_of(*one));
  return Json::object().set("anyOf", std::move(forms));
}

}  // namespace

Result<std::string> descriptor_schema(std::string_view section) {
  const Shape* shape = section.empty() ? &service_shape : find_section(section);
  if (shape == nullptr) {
    std::vector<std::string> names = section_names();
    std::string fix = did_you_mean(section, names);
    return Error{Errc::not_found,
                 fmt::format("the language has no section {}; {}", quoted(section),
                             fix.empty() ? fmt::format("it has {}", fmt::join(names, ", ")) : fix)};
  }
  Json schema;
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema")
      .set("title", section.empty() ? std::string("Vireo service descriptor, version 1")
                                    : fmt::format("`{}` of a Vireo service descriptor", section));
  Json body = schema_of(*shape);
  for (const auto& [key, value] : body.members()) schema.set(key, value);
  return schema.dump(2) + "\n";
}

}  // namespace vireo
