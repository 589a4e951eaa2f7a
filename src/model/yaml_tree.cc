// SPDX-License-Identifier: Apache-2.0
#include "model/yaml_tree.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include "model/finding.h"
#include "model/scalar_text.h"

namespace vireo {
namespace {

SourcePlace place_of(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

std::string text_of(const yaml_char_t* text, size_t bytes) {
  return {reinterpret_cast<const char*>(text), bytes};
}

// Builds a YamlTree from the parser's events.
class TreeBuilder {
 public:
  explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

  // Reported; the parser's time for each token grows with the depth.
  bool too_deep() const { return open_.size() > yaml_deepest; }

  void take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        return scalar(event.data.scalar, event);
      case YAML_ALIAS_EVENT:
        report(event, "aliases are not allowed", "write the value out");
        return add(node(YamlKind::null, event));
      case YAML_SEQUENCE_START_EVENT:
        refuse(event, event.data.sequence_start.tag, event.data.sequence_start.anchor);
        return open(YamlKind::list, event);
      case YAML_MAPPING_START_EVENT:
        refuse(event, event.data.mapping_start.tag, event.data.mapping_start.anchor);
        return open(YamlKind::map, event);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      default:
        return;
    }
  }

 private:
  struct Level {
    YamlNode node;
    std::optional<YamlNode> key;  // of a map, while its value is awaited
  };

  static YamlNode node(YamlKind kind, const yaml_event_t& event) {
    YamlNode made;
    made.kind = kind;
    made.place = place_of(event.start_mark);
    return made;
  }
  void report(const yaml_event_t& event, std::string message, std::string fix) {
    tree_.findings.push_back({place_of(event.start_mark), 1, std::move(message), std::move(fix)});
  }
  void refuse(const yaml_event_t& event, const yaml_char_t* tag, const yaml_char_t* anchor) {
    if (anchor != nullptr) report(event, "anchors are not allowed", "write the value out");
    if (tag == nullptr) return;
    const std::string name = text_of(tag, std::strlen(reinterpret_cast<const char*>(tag)));
    report(event, fmt::format("tag {} is not allowed", quoted(name)), "leave it out");
  }

  void scalar(const decltype(yaml_event_t::data.scalar)& given, const yaml_event_t& event) {
    refuse(event, given.tag, given.anchor);
    const bool plain = given.style == YAML_PLAIN_SCALAR_STYLE && given.tag == nullptr;
    const bool in_quotes = given.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                           given.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    YamlNode made = node(YamlKind::text, event);
    made.value = text_of(given.value, given.length);
    if (plain) made.kind = plain_kind(made.value);
    const size_t first_line = std::min(made.value.find('\n'), made.value.size());
    made.length = std::max(static_cast<int>(first_line) + (in_quotes ? 2 : 0), 1);
    add(std::move(made));
  }
  void open(YamlKind kind, const yaml_event_t& event) {
    if (open_.size() == yaml_deepest)
      report(event, fmt::format("deeper than {} levels", yaml_deepest), "");
    open_.push_back({node(kind, event), std::nullopt});
  }
  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }
  void add(YamlNode made) {
    if (open_.empty()) {
      tree_.root = std::move(made);
    } else if (Level& level = open_.back(); level.node.kind == YamlKind::list) {
      level.node.items.push_back(std::move(made));
    } else if (!level.key) {
      level.key = std::move(made);
    } else {
      level.node.members.push_back({std::move(*level.key), std::move(made)});
      level.key.reset();
    }
  }

  YamlTree& tree_;
  std::vector<Level> open_;
};

// Owns the library's parser; the text outlives it.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Of the first document; a second is a finding.
  void read(YamlTree& tree) {
    TreeBuilder builder(tree);
    unsigned documents = 0;
    for (bool more = true; more;) {
      yaml_event_t event;
      if (yaml_parser_parse(&parser_, &event) == 0) return tree.findings.push_back(fault());
      documents += event.type == YAML_DOCUMENT_START_EVENT ? 1 : 0;
      if (documents < 2)
        builder.take(event);
      else
        tree.findings.push_back({place_of(event.start_mark), 1, "a second document in one file",
                                 "put each service into a file of its own"});
      more = event.type != YAML_STREAM_END_EVENT && documents < 2 && !builder.too_deep();
      yaml_event_delete(&event);
    }
  }

 private:
  Finding fault() const {
    SourcePlace place = place_of(parser_.problem_mark);
    if (parser_.error == YAML_READER_ERROR) place = place_at(parser_.problem_offset);
    const char* problem = parser_.problem != nullptr ? parser_.problem : "no memory";
    return {place, 1, fmt::format("not YAML: {}", problem),
            "mend the brackets, quotes, colons or indentation right before it"};
  }
  // The reader gives bytes, not lines.
  SourcePlace place_at(size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    const auto line = std::count(before.begin(), before.end(), '\n');
    const size_t last = before.rfind('\n');
    const size_t column = last == std::string_view::npos ? offset : offset - last - 1;
    return {static_cast<int>(line) + 1, static_cast<int>(column) + 1};
  }

  yaml_parser_t parser_{};
  std::string_view text_;
};

YamlTree failed(SourcePlace place, std::string message, std::string fix) {
  YamlTree tree;
  tree.findings.push_back({place, 1, std::move(message), std::move(fix)});
  return tree;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const YamlNode* found = nullptr;
  for (const auto& [name, child] : members)
    if (name.is_scalar() && name.value == key) found = &child;
  return found;
}

const YamlNode* YamlNode::find_key(std::string_view key) const {
  for (const auto& member : members)
    if (member.first.is_scalar() && member.first.value == key) return &member.first;
  return nullptr;
}

YamlTree parse_yaml(std::string_view text) {
  if (text.size() > yaml_largest)
    return failed({1, 1}, fmt::format("larger than {} MiB", yaml_largest >> 20),
                  "give long contents as files of their own, under `files: ... from:`");
  if (size_t bad = first_not_utf8(text); bad != std::string_view::npos) {
    auto line = std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(bad), '\n');
    return failed({static_cast<int>(line) + 1, 1}, "this line is not UTF-8 text", "");
  }
  YamlTree tree;
  Parser(text).read(tree);
  return tree;
}

std::optional<int64_t> integer_of(const YamlNode& node) {
  if (node.kind != YamlKind::integer) return std::nullopt;
  std::string_view digits = node.value;
  int base = 10;
  if (digits.starts_with("0x")) base = 16;
  if (digits.starts_with("0o")) base = 8;
  if (base != 10) digits.remove_prefix(2);
  if (digits.starts_with("+")) digits.remove_prefix(1);
  int64_t value = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

static Json scalar_json(const YamlNode& node) {
  if (node.kind == YamlKind::null) return {};
  if (node.kind == YamlKind::boolean) return node.value[0] == 't' || node.value[0] == 'T';
  if (auto integer = integer_of(node)) return *integer;
  double number = 0;
  if (node.kind == YamlKind::integer || node.kind == YamlKind::number) {
    std::string_view text = node.value;
    if (text.starts_with("+")) text.remove_prefix(1);
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return number;
  }
  return node.value;
}

Json json_of(const YamlNode& node) {
  if (node.is_scalar()) return scalar_json(node);
  Json json = node.kind == YamlKind::list ? Json::array() : Json::object();
  for (const YamlNode& item : node.items) json.push(json_of(item));
  for (const auto& [key, value] : node.members) json.set(key.value, json_of(value));
  return json;
}

}  // namespace vireo
