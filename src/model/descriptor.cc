// SPDX-License-Identifier: Apache-2.0
#include "model/descriptor.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/descriptor_read.h"
#include "model/shape_check.h"

namespace vireo {
namespace {

constexpr size_t most_findings = 50;

void in_order(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.place < b.place; });
  if (findings.size() <= most_findings) return;
  SourcePlace place = findings[most_findings].place;
  size_t more = findings.size() - most_findings;
  findings.resize(most_findings);
  findings.push_back({place, 1, fmt::format("{} more findings from here on", more), ""});
}

}  // namespace

ParsedDescriptor parse_descriptor(std::string_view text, const LocalFileReader& read_file) {
  ParsedDescriptor parsed;
  YamlTree tree = parse_yaml(text);
  parsed.findings = std::move(tree.findings);
  // A broken text gives half a tree, about which nothing more can be said with certainty.
  if (parsed.findings.empty()) {
    check_shape(tree.root, service_shape, parsed.findings);
    parsed.service = read_service(tree.root, read_file, parsed.findings);
    check_links(tree.root, parsed.findings);
    check_functions(tree.root, parsed.findings);
    check_chain(tree.root, parsed.findings);
  }
  in_order(parsed.findings);
  return parsed;
}

std::string service_name(std::string_view text) {
  YamlTree tree = parse_yaml(text);
  const YamlNode* name = tree.root.find("service");
  return name != nullptr && name->is_scalar() ? name->value : "";
}

std::vector<std::string> local_files(std::string_view text) {
  std::vector<std::string> names;
  YamlTree tree = parse_yaml(text);
  const YamlNode* functions = tree.root.find("functions");
  if (!tree.findings.empty() || functions == nullptr) return names;
  for (const auto& function : functions->members) {
    const YamlNode* files = function.second.find("files");
    if (files == nullptr) continue;
    for (const auto& file : files->members)
      if (const YamlNode* from = file.second.find("from"); from != nullptr && from->is_scalar())
        names.push_back(from->value);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace vireo
