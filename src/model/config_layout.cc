// SPDX-License-Identifier: Apache-2.0
#include "model/config_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace vireo {
namespace {

bool is_number(FieldType type) {
  return type == FieldType::u8 || type == FieldType::u16 || type == FieldType::u32 ||
         type == FieldType::u64 || type == FieldType::duration_ms;
}

uint64_t largest_of(FieldType type) {
  switch (type) {
    case FieldType::u8:
      return std::numeric_limits<uint8_t>::max();
    case FieldType::u16:
      return std::numeric_limits<uint16_t>::max();
    case FieldType::u64:
      return std::numeric_limits<uint64_t>::max();
    default:
      return std::numeric_limits<uint32_t>::max();
  }
}

std::optional<LayoutFault> fallback_fault(const ConfigField& field, const std::string& path,
                                          uint32_t struct_size) {
  if (field.fallback.empty()) return {};
  Result<Json> value = parse_json(field.fallback);
  if (!value) return LayoutFault{path + ".fallback", value.error().message};
  std::vector<uint8_t> scratch(struct_size);
  std::vector<ConfigError> errors;
  encode_field(field, *value, field.name, scratch, errors);
  if (errors.empty()) return {};
  return LayoutFault{path + ".fallback", errors.front().message};
}

// What concerns the field's own members; its place comes later.
std::optional<LayoutFault> shape_fault(const ConfigField& field, const std::string& path) {
  const bool records = field.type == FieldType::records, text = field.type == FieldType::text;
  auto fault = [&](std::string_view key, std::string_view message) {
    return LayoutFault{fmt::format("{}.{}", path, key), std::string(message)};
  };
  if (!is_config_name(field.name)) return fault("name", "must be a name such as `port`");
  if (field.size != 0 && !records && !text) return fault("size", "is for text and records only");
  if (text && field.size < 2) return fault("size", "of text must be at least 2");
  if (records && (field.size == 0 || field.most == 0))
    return fault(field.size == 0 ? "size" : "most", "of records must be at least 1");
  if (!records && field.most != 0) return fault("most", "is for records only");
  if (!records && !field.fields.empty()) return fault("fields", "is for records only");
  if (records && field.fields.empty()) return fault("fields", "of records must not be empty");
  if ((field.type == FieldType::choice) == field.choices.empty())
    return fault("choices", "is for a choice, which needs at least one");
  if (!is_number(field.type) && (field.minimum != 0 || field.maximum != 0))
    return fault("minimum", "is for numbers only");
  if (field.minimum > range_of(field).maximum) return fault("minimum", "is more than `maximum`");
  if (is_number(field.type) && field.maximum > largest_of(field.type))
    return fault("maximum", "does not fit the type");
  return {};
}

std::optional<LayoutFault> overlap_fault(std::span<const ConfigField> fields,
                                         const std::string& path) {
  std::vector<size_t> order(fields.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return fields[a].offset < fields[b].offset; });
  for (size_t i = 1; i < order.size(); i++) {
    const ConfigField &before = fields[order[i - 1]], &after = fields[order[i]];
    if (before.offset + bytes_of(before) > after.offset)
      return LayoutFault{fmt::format("{}[{}].offset", path, order[i]),
                         fmt::format("`{}` overlaps `{}`", after.name, before.name)};
  }
  return {};
}

}  // namespace

bool is_config_name(std::string_view name) {
  if (name.empty() || name.size() > config_limits::longest_name) return false;
  if (name.front() < 'a' || name.front() > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

uint64_t bytes_of(const ConfigField& field) {
  switch (field.type) {
    case FieldType::boolean:
    case FieldType::choice:
    case FieldType::u8:
      return 1;
    case FieldType::u16:
      return 2;
    case FieldType::u32:
    case FieldType::duration_ms:
    case FieldType::ipv4:
      return 4;
    case FieldType::u64:
      return 8;
    case FieldType::ipv6:
      return 16;
    case FieldType::ip:
    case FieldType::prefix:
      return 20;
    case FieldType::mac:
      return 6;
    case FieldType::text:
      return field.size;
    case FieldType::records:
      return 8 + uint64_t{field.size} * field.most;
  }
  return 0;
}

NumberBounds range_of(const ConfigField& field) {
  const uint64_t largest = largest_of(field.type);
  if (field.minimum == 0 && field.maximum == 0) return {0, largest};
  return {field.minimum, field.maximum == 0 ? largest : field.maximum};
}

std::optional<LayoutFault> layout_fault(std::span<const ConfigField> fields, uint32_t struct_size,
                                        const std::string& path) {
  for (size_t i = 0; i < fields.size(); i++) {
    const ConfigField& field = fields[i];
    const std::string here = fmt::format("{}[{}]", path, i);
    if (auto fault = shape_fault(field, here)) return fault;
    for (size_t j = 0; j < i; j++)
      if (fields[j].name == field.name)
        return LayoutFault{here + ".name", fmt::format("`{}` is there twice", field.name)};
    if (field.offset + bytes_of(field) > struct_size)
      return LayoutFault{
          here + ".offset",
          fmt::format("`{}` ends beyond the {} bytes of its struct", field.name, struct_size)};
    if (auto fault = layout_fault(field.fields, field.size, here + ".fields")) return fault;
    if (auto fault = fallback_fault(field, here, struct_size)) return fault;
  }
  return overlap_fault(fields, path);
}

}  // namespace vireo
