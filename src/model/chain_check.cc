// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/descriptor_read.h"
#include "model/finding.h"

namespace vireo {
namespace {

class ChainCheck {
 public:
  ChainCheck(const YamlNode& root, std::vector<Finding>& findings)
      : functions_(root.find("functions")), links_(root.find("links")), findings_(findings) {}

  void element(const YamlNode& node) {
    if (node.kind != YamlKind::text) return;
    if (!is_function(node) && !is_link(node)) return unknown(node);
    auto [first, is_new] = lines_.emplace(node.value, node.place.line);
    if (!is_new)
      report(node, fmt::format("{} is in the chain twice", quoted(node.value)),
             is_link(node) ? "a chain that returns to a link would be a loop" : "");
    else if (is_function(node) && functions_->find(node.value)->find("ports") != nullptr)
      report(node,
             fmt::format("function {} is in the chain and has `ports` too", quoted(node.value)),
             "the chain gives it its two ports: take one of both out");
  }

  void neighbours(const YamlNode& left, const YamlNode& right) {
    if (is_link(left) && is_link(right))
      report(right,
             fmt::format("no function between links {} and {}", quoted(left.value),
                         quoted(right.value)),
             "put one between them, or make them one link");
    std::string implied = fmt::format("{}-{}", left.value, right.value);
    if (is_function(left) && is_function(right) && links_ != nullptr)
      if (const YamlNode* key = links_->find_key(implied))
        report(*key,
               fmt::format("{} is the name of the link that the chain implies", quoted(implied)),
               fmt::format("put it into the chain between `{}` and `{}`, or rename it", left.value,
                           right.value));
  }

  void end(const YamlNode& node, std::string_view which) {
    if (is_function(node))
      report(node,
             fmt::format("function {} at the {} of the chain would have one port only",
                         quoted(node.value), which),
             "a chain starts and ends with a link; a function beside it names its `ports`");
  }

 private:
  void report(const YamlNode& node, std::string message, std::string fix) {
    findings_.push_back({node.place, node.length, std::move(message), std::move(fix)});
  }
  bool is_function(const YamlNode& node) const {
    return functions_ != nullptr && functions_->find(node.value) != nullptr;
  }
  bool is_link(const YamlNode& node) const {
    return links_ != nullptr && links_->find_key(node.value) != nullptr;
  }
  void unknown(const YamlNode& node) {
    std::vector<std::string> names;
    for (const YamlNode* map : {functions_, links_})
      if (map != nullptr)
        for (const auto& member : map->members) names.push_back(member.first.value);
    report(node,
           fmt::format("the chain names {}, which is neither a function nor a link",
                       quoted(node.value)),
           did_you_mean(node.value, names));
  }

  const YamlNode* functions_;
  const YamlNode* links_;
  std::map<std::string, int> lines_;
  std::vector<Finding>& findings_;
};

}  // namespace

void check_chain(const YamlNode& root, std::vector<Finding>& findings) {
  const YamlNode* chain = root.find("chain");
  if (chain == nullptr || chain->items.empty()) return;
  ChainCheck check(root, findings);
  const std::vector<YamlNode>& items = chain->items;
  for (const YamlNode& item : items) check.element(item);
  for (size_t i = 1; i < items.size(); i++) check.neighbours(items[i - 1], items[i]);
  check.end(items.front(), "start");
  if (items.size() > 1) check.end(items.back(), "end");
  if (items.size() == 1 && items[0].kind == YamlKind::text)
    findings.push_back({items[0].place, items[0].length, "a chain of one element joins nothing",
                        "name a link, functions and a link"});
}

}  // namespace vireo
