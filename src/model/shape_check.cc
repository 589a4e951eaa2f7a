// SPDX-License-Identifier: Apache-2.0
#include "model/shape_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "model/finding.h"

namespace vireo {
namespace {

constexpr size_t most_members =
    4096;  // of one map or list: far beyond any use, small enough to search

std::string_view kind_name(YamlKind kind) {
  switch (kind) {
    case YamlKind::null:
      return "nothing";
    case YamlKind::boolean:
      return "true or false";
    case YamlKind::integer:
    case YamlKind::number:
      return "a number";
    case YamlKind::text:
      return "text";
    case YamlKind::list:
      return "a list";
    case YamlKind::map:
      return "a map";
  }
  return "";
}

bool takes_kind(const Shape& shape, YamlKind kind) {
  switch (shape.form) {
    case Form::scalar:
      return kind != YamlKind::list && kind != YamlKind::map;
    case Form::list:
      return kind == YamlKind::list;
    case Form::section:
      return kind == YamlKind::map || (kind == YamlKind::null && shape.may_be_empty);
    case Form::map:
    case Form::object:
      return kind == YamlKind::map;
    case Form::either:
      break;
  }
  return std::any_of(shape.alternatives.begin(), shape.alternatives.end(),
                     [&](const Shape* one) { return takes_kind(*one, kind); });
}

std::optional<double> number_in(const YamlNode& node) {
  if (auto integer = integer_of(node)) return static_cast<double>(*integer);
  double value = 0;
  auto parsed = std::from_chars(node.value.data(), node.value.data() + node.value.size(), value);
  if (node.kind != YamlKind::number || parsed.ec != std::errc()) return std::nullopt;
  return value;
}

bool within_bounds(const YamlNode& node, const Shape& shape) {
  if (shape.minimum == 0 && shape.maximum == 0) return true;
  auto number = number_in(node);
  return number && *number >= shape.minimum && *number <= shape.maximum;
}

bool has_type(const YamlNode& node, const Shape& shape) {
  return (shape.kinds & kind_bit(node.kind)) != 0;
}

std::vector<std::string> key_names(const Shape& section) {
  std::vector<std::string> names;
  for (const Key& key : section.keys)
    if (key.shape != nullptr) names.emplace_back(key.name);
  return names;
}

class Checker {
 public:
  explicit Checker(std::vector<Finding>& findings) : findings_(findings) {}

  // `owner` is what the value is in, for messages ("function `fw`"); `key` is its key there.
  void check(const YamlNode& node, const Shape& shape, const std::string& key,
             const std::string& owner) {
    if (!takes_kind(shape, node.kind)) return wrong_kind(node, shape, key, owner);
    switch (shape.form) {
      case Form::scalar:
        return check_scalar(node, shape, key, owner);
      case Form::list:
        return check_list(node, shape, key, owner);
      case Form::map:
        return check_map(node, shape, owner);
      case Form::object:
        return check_object(node, key.empty() ? owner : inside(key, owner));
      case Form::either:
        for (const Shape* one : shape.alternatives)
          if (takes_kind(*one, node.kind)) return check(node, *one, key, owner);
        return;
      case Form::section:
        return check_section(node, shape, key.empty() ? owner : inside(key, owner));
    }
  }

 private:
  void report(const YamlNode& node, std::string message, std::string fix) {
    const SourcePlace start{1, 1};  // of a text in which there is nothing
    findings_.push_back({node.place.line > 0 ? node.place : start, node.length, std::move(message),
                         std::move(fix)});
  }
  static std::string inside(const std::string& key, const std::string& owner) {
    return owner.empty() ? key : fmt::format("`{}` of {}", key, owner);
  }
  static std::string subject(const std::string& key, const std::string& owner) {
    if (key.empty()) return owner.empty() ? "the descriptor" : owner;
    return owner.empty() ? fmt::format("`{}`", key) : fmt::format("`{}` of {}", key, owner);
  }

  void wrong_kind(const YamlNode& node, const Shape& shape, const std::string& key,
                  const std::string& owner) {
    report(
        node,
        fmt::format("{} must be {}, not {}", subject(key, owner), shape.what, kind_name(node.kind)),
        "");
  }

  void check_scalar(const YamlNode& node, const Shape& shape, const std::string& key,
                    const std::string& owner) {
    if (scalar_fits(node, shape)) return;
    if (!has_type(node, shape)) {
      wrong_kind(node, shape, key, owner);
      bool quotable = shape.grammar != nullptr && node.kind != YamlKind::null &&
                      (shape.kinds & kind_bit(YamlKind::text)) != 0;
      if (quotable) findings_.back().fix = "put it in quotes to make it text";
      return;
    }
    if (key == "vireo" && owner.empty())
      return report(node,
                    fmt::format("version {} of the language is not known", quoted(node.value)),
                    "this Vireo reads `vireo: 1`");
    bad_value(node, shape, subject(key, owner));
  }

  void bad_value(const YamlNode& node, const Shape& shape, const std::string& where) {
    std::string fix;
    if (!shape.choices.empty()) {
      fix = did_you_mean(node.value,
                         std::vector<std::string>(shape.choices.begin(), shape.choices.end()));
    } else if (shape.grammar == &name_grammar) {
      fix = "names have small letters, digits and `-` inside, at most 63";
    } else if (shape.grammar != nullptr) {
      fix = fmt::format("write it like `{}`", shape.grammar->example);
    } else {
      fix = fmt::format("from {} to {}", shape.minimum, shape.maximum);
    }
    report(node, fmt::format("{} must be {}, not {}", where, shape.what, quoted(node.value)),
           std::move(fix));
  }

  void check_list(const YamlNode& node, const Shape& shape, const std::string& key,
                  const std::string& owner) {
    if (node.items.size() < shape.fewest || node.items.size() > most_members)
      report(node,
             fmt::format("{} must have {} to {} elements", subject(key, owner), shape.fewest,
                         most_members),
             "");
    for (const YamlNode& item : node.items) check(item, *shape.item, key, owner);
  }

  // Keys that are words, each once. False: too many to look at.
  bool check_keys(const YamlNode& node, const std::string& owner) {
    if (node.members.size() > most_members) {
      report(node, fmt::format("more than {} keys", most_members), "");
      return false;
    }
    std::map<std::string_view, int> lines;
    for (const auto& [key, value] : node.members) {
      if (!key.is_scalar()) {
        report(key, "a key must be a word", "");
        continue;
      }
      auto [first, is_new] = lines.emplace(key.value, key.place.line);
      if (!is_new)
        report(key, fmt::format("duplicate key {}{}", quoted(key.value), in(owner)),
               fmt::format("it is first on line {}", first->second));
    }
    return true;
  }
  static std::string in(const std::string& owner) {
    return owner.empty() ? "" : fmt::format(" in {}", owner);
  }

  void check_map(const YamlNode& node, const Shape& shape, const std::string& owner) {
    if (!check_keys(node, owner)) return;
    for (const auto& [key, value] : node.members) {
      if (!key.is_scalar()) continue;
      std::string entry = fmt::format("{} {}", shape.noun, quoted(key.value));
      if (!shape.names->matches(key.value)) {
        report(key, fmt::format("{} must be {}", quoted(key.value), shape.names->what),
               shape.names == &name_grammar
                   ? "names have small letters, digits and `-` inside, at most 63"
                   : fmt::format("write it like `{}`", shape.names->example));
      }
      check(value, *shape.item, "", owner.empty() ? entry : fmt::format("{} of {}", entry, owner));
    }
  }

  void check_object(const YamlNode& node, const std::string& owner) {
    if (node.kind == YamlKind::map && !check_keys(node, owner)) return;
    for (const auto& [key, value] : node.members) check_object(value, owner);
    for (const YamlNode& item : node.items) check_object(item, owner);
  }

  void check_section(const YamlNode& node, const Shape& shape, const std::string& owner) {
    if (!check_keys(node, owner)) return;
    for (const auto& [key, value] : node.members) {
      if (!key.is_scalar()) continue;
      auto known = std::ranges::find(shape.keys, key.value, &Key::name);
      if (known == shape.keys.end())
        unknown_key(key, shape, owner);
      else if (known->shape == nullptr)
        report(key, fmt::format("`{}` is not implemented in this version", known->name),
               "take it out");
      else
        check(value, *known->shape, key.value, owner);
    }
    check_presence(node, shape, owner);
  }

  void unknown_key(const YamlNode& key, const Shape& shape, const std::string& owner) {
    std::string near = did_you_mean(key.value, key_names(shape));
    std::string section;
    if (owner.starts_with("function ")) section = "functions";
    if (owner.starts_with("link ")) section = "links";
    std::string list =
        fmt::format("`vireo schema{}{}` lists the keys.", section.empty() ? "" : " ", section);
    report(key, fmt::format("unknown key {}{}", quoted(key.value), in(owner)),
           near.empty() ? list : fmt::format("{}  {}", near, list));
  }

  // Another key was found unknown, for which this one was proposed: once is enough.
  static bool is_misspelt(const YamlNode& node, const Shape& shape, std::string_view name) {
    return std::ranges::any_of(node.members, [&](const auto& member) {
      const std::string& word = member.first.value;
      bool known =
          std::ranges::any_of(shape.keys, [&](const Key& key) { return key.name == word; });
      return !known && did_you_mean(word, key_names(shape)) == did_you_mean(name, key_names(shape));
    });
  }

  void check_presence(const YamlNode& node, const Shape& shape, const std::string& owner) {
    std::string who = owner.empty() ? "the descriptor" : owner;
    for (const Key& key : shape.keys) {
      const YamlNode* present = node.find_key(key.name);
      if (key.required && present == nullptr && !is_misspelt(node, shape, key.name))
        report(node, fmt::format("{} has no `{}`", who, key.name),
               fmt::format("add `{}:`, {}", key.name, key.help));
      if (!key.needs.empty() && present != nullptr && node.find_key(key.needs) == nullptr)
        report(*present, fmt::format("`{}` goes only with `{}`", key.name, key.needs), "");
    }
    if (shape.one_of.empty()) return;
    auto count = std::count_if(shape.one_of.begin(), shape.one_of.end(),
                               [&](std::string_view key) { return node.find_key(key) != nullptr; });
    if (count != 1)
      report(node,
             fmt::format("{} must have exactly one of `{}`", who, fmt::join(shape.one_of, "`, `")),
             "");
  }

  std::vector<Finding>& findings_;
};

}  // namespace

bool scalar_fits(const YamlNode& node, const Shape& shape) {
  if (!node.is_scalar() || !has_type(node, shape) || !within_bounds(node, shape)) return false;
  if (!shape.choices.empty() &&
      std::find(shape.choices.begin(), shape.choices.end(), node.value) == shape.choices.end())
    return false;
  return shape.grammar == nullptr || shape.grammar->matches(node.value);
}

void check_shape(const YamlNode& node, const Shape& shape, std::vector<Finding>& findings) {
  Checker(findings).check(node, shape, "", "");
}

}  // namespace vireo
