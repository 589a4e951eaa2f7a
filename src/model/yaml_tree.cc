// SPDX-License-Identifier: Apache-2.0
#include "model/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include "model/finding.h"
#include "model/scalar_text.h"

namespace vireo {
namespace {

SourcePlace place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Builds a YamlTree from the parser's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlTree& tree) : tree_(tree) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse(mark, "", anchor);
    add({.kind = YamlKind::null, .value = {}, .place = place_of(mark), .items = {}, .members = {}});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    report(mark, "aliases are not allowed", "write the value out");
    add({.kind = YamlKind::null, .value = {}, .place = place_of(mark), .items = {}, .members = {}});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    // The parser gives quoted scalars the tag "!" and plain ones "?".
    YamlKind kind = tag == "?" ? plain_kind(value) : YamlKind::text;
    int first_line = static_cast<int>(std::min(value.find('\n'), value.size()));
    int length = std::max(first_line + (tag == "!" ? 2 : 0), 1);
    add({kind, value, place_of(mark), length, {}, {}});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlKind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlKind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    YamlNode node;
    std::optional<YamlNode> key;  // of a map, while its value is awaited
  };

  void report(const YAML::Mark& mark, std::string message, std::string fix) {
    tree_.findings.push_back({place_of(mark), 1, std::move(message), std::move(fix)});
  }
  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) report(mark, "anchors are not allowed", "write the value out");
    if (tag.size() > 1)
      report(mark, fmt::format("tag {} is not allowed", quoted(tag)), "leave it out");
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlKind kind) {
    refuse(mark, tag == "?" || tag == "!" ? "" : tag, anchor);
    if (open_.size() == yaml_deepest)
      report(mark, fmt::format("deeper than {} levels", yaml_deepest), "");
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    open_.push_back({std::move(node), std::nullopt});
  }
  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    if (open_.size() < yaml_deepest)
      add(std::move(done));
    else
      add({});  // too deep: reported, dropped
  }
  void add(YamlNode node) {
    if (open_.empty()) {
      tree_.root = std::move(node);
    } else if (Level& level = open_.back(); level.node.kind == YamlKind::list) {
      level.node.items.push_back(std::move(node));
    } else if (!level.key) {
      level.key = std::move(node);
    } else {
      level.node.members.push_back({std::move(*level.key), std::move(node)});
      level.key.reset();
    }
  }

  YamlTree& tree_;
  std::vector<Level> open_;
};

YamlTree failed(SourcePlace place, std::string message, std::string fix) {
  YamlTree tree;
  tree.findings.push_back({place, 1, std::move(message), std::move(fix)});
  return tree;
}

void parse_documents(std::string_view text, YamlTree& tree) {
  std::istringstream stream{std::string(text)};
  TreeBuilder builder(tree);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return;
    YamlTree second;
    TreeBuilder ignored(second);
    if (parser.HandleNextDocument(ignored))
      tree.findings.push_back({second.root.place, 1, "a second document in one file",
                               "put each service into a file of its own"});
  } catch (const YAML::Exception& fault) {
    SourcePlace place = fault.mark.is_null() ? SourcePlace{1, 1} : place_of(fault.mark);
    tree.findings.push_back({place, 1, fmt::format("not YAML: {}", fault.msg),
                             "mend the brackets, quotes, colons or indentation right before it"});
  }
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
  parse_documents(text, tree);
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
