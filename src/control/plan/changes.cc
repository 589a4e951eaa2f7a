// SPDX-License-Identifier: Apache-2.0
#include "control/plan/changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace vireo {
namespace {

using Action = PlanChange::Action;

const std::string& facet(const Facets& facets, const std::string& name) {
  static const std::string none;
  auto found = facets.find(name);
  return found == facets.end() ? none : found->second;
}

std::string link_summary(const Facets& facets, const std::string& fabric) {
  std::string text =
      fmt::format("{:<16} {}, uplink {}", facet(facets, "subnet"), fabric, facet(facets, "uplink"));
  if (!facet(facets, "host").empty()) text += ", host " + facet(facets, "host");
  return text;
}

const char* kind_name(PortKind kind) {
  if (kind == PortKind::tap) return "tap";
  return kind == PortKind::packet ? "packet" : "veth";
}

std::string function_summary(const Facets& facets, const std::string& ports,
                             const std::string& note) {
  std::string image = facet(facets, "image");
  image = image.substr(0, image.find(' '));
  std::string cpus = facet(facets, "cpus"), memory = facet(facets, "memory");
  if (memory.empty()) memory = facet(facets, "machine memory");
  std::string text =
      fmt::format("{:<20} {:<20} {:<8} {}", image, facet(facets, "technology"),
                  cpus == "no limit" ? "-" : cpus + " cpu", memory == "no limit" ? "-" : memory);
  if (!ports.empty()) text = fmt::format("{:<62} {}", text, ports);
  if (!note.empty()) text += "    (" + note + ")";
  return text;
}

// "2 tap ports": how frames reach it on this fabric.
std::string ports_text(const DesiredFunction& function) {
  std::map<PortKind, int> counts;
  for (const PortSpec& port : function.instance.ports) counts[port.kind]++;
  std::vector<std::string> texts;
  for (const auto& [kind, count] : counts)
    texts.push_back(fmt::format("{} {} port{}", count, kind_name(kind), count == 1 ? "" : "s"));
  return fmt::format("{}", fmt::join(texts, ", "));
}

// Hashes and long lists say nothing to a person: only that they differ.
bool tells(const std::string& name) {
  return name != "config" && name != "files" && name != "wiring" && name != "environment";
}

PlanChange change_of(const DesiredFunction& function, const std::vector<FacetChange>& differences) {
  PlanChange change{Action::change, "function", function.name, {}, {}, {}, {}};
  std::vector<std::string> words, before, after;
  for (const FacetChange& difference : differences) {
    if (effect_of(difference.name) == FacetEffect::rewire) continue;
    if (effect_of(difference.name) == FacetEffect::replace) change.action = Action::replace;
    bool told = tells(difference.name);
    words.push_back(told ? fmt::format("{} {} -> {}", difference.name, difference.old_value,
                                       difference.new_value)
                         : difference.name + " edited");
    before.push_back(fmt::format("{}: {}", difference.name, told ? difference.old_value : "..."));
    after.push_back(fmt::format("{}: {}", difference.name, told ? difference.new_value : "..."));
  }
  change.summary = fmt::format("{}", fmt::join(words, ", "));
  change.old_value = fmt::format("{}", fmt::join(before, ", "));
  change.new_value = fmt::format("{}", fmt::join(after, ", "));
  if (change.action == Action::replace)
    change.gap = function.make_before_break
                     ? "make before break, no gap"
                     : "stop first; gap: from its stop to the start of the new one";
  return change;
}

void compare_links(const Desired& desired, const Applied& applied, const std::string& fabric,
                   std::vector<PlanChange>& changes) {
  for (const DesiredLink& link : desired.links) {
    auto old = applied.links.find(link.name);
    std::string summary = link_summary(link.facets, fabric);
    if (old == applied.links.end()) {
      changes.push_back({Action::create, "link", link.name, summary, {}, {}, {}});
    } else if (!compare(old->second, link.facets).empty()) {
      std::string before = link_summary(old->second, fabric);
      changes.push_back({Action::change,
                         "link",
                         link.name,
                         fmt::format("{} -> {}", before, summary),
                         before,
                         summary,
                         {}});
    }
  }
}

void compare_functions(const Desired& desired, const Applied& applied,
                       std::vector<PlanChange>& changes) {
  for (const DesiredFunction& function : desired.functions) {
    auto old = applied.functions.find(function.name);
    if (old == applied.functions.end()) {
      changes.push_back(
          {Action::create,
           "function",
           function.name,
           function_summary(function.facets, ports_text(function), function.technology_note),
           {},
           {},
           {}});
      continue;
    }
    PlanChange change = change_of(function, compare(old->second, function.facets));
    if (!change.summary.empty()) changes.push_back(std::move(change));
  }
}

void compare_chain(const Desired& desired, const Applied& applied,
                   std::vector<PlanChange>& changes) {
  if (desired.chain == applied.chain) return;
  std::string before = fmt::format("{}", fmt::join(applied.chain, " -> "));
  std::string after = fmt::format("{}", fmt::join(desired.chain, " -> "));
  if (applied.chain.empty())
    changes.push_back({Action::create, "chain", "chain", after, {}, {}, {}});
  else if (desired.chain.empty())
    changes.push_back({Action::remove, "chain", "chain", before, {}, {}, {}});
  else
    changes.push_back(
        {Action::change, "chain", "chain", before + "  =>  " + after, before, after, {}});
}

void add_removals(const Desired& desired, const Applied& applied, const std::string& fabric,
                  std::vector<PlanChange>& changes) {
  for (const auto& [name, facets] : applied.functions)
    if (std::ranges::find(desired.functions, name, &DesiredFunction::name) ==
        desired.functions.end())
      changes.push_back(
          {Action::remove, "function", name, function_summary(facets, "", ""), {}, {}, {}});
  for (const auto& [name, facets] : applied.links)
    if (std::ranges::find(desired.links, name, &DesiredLink::name) == desired.links.end())
      changes.push_back({Action::remove, "link", name, link_summary(facets, fabric), {}, {}, {}});
}

char sign(Action action) {
  if (action == Action::create) return '+';
  return action == Action::remove ? '-' : '~';
}

}  // namespace

std::vector<PlanChange> plan_changes(const Desired& desired, const Applied& applied,
                                     const std::string& fabric) {
  std::vector<PlanChange> changes;
  compare_links(desired, applied, fabric, changes);
  compare_functions(desired, applied, changes);
  compare_chain(desired, applied, changes);
  add_removals(desired, applied, fabric, changes);
  return changes;
}

std::string plan_text(const std::vector<PlanChange>& changes) {
  if (changes.empty()) return "Nothing to do: the host is as described.\n";
  size_t width = 8;
  for (const PlanChange& change : changes)
    if (change.kind != "chain") width = std::max(width, change.name.size());
  std::string text;
  int created = 0, changed = 0, removed = 0;
  for (const PlanChange& change : changes) {
    (change.action == Action::create   ? created
     : change.action == Action::remove ? removed
                                       : changed)++;
    text += change.kind == "chain"
                ? fmt::format("{} {:<9} {}", sign(change.action), change.kind, change.summary)
                : fmt::format("{} {:<9} {:<{}}  {}", sign(change.action), change.kind, change.name,
                              width, change.summary);
    if (!change.gap.empty()) text += fmt::format("    ({})", change.gap);
    text += '\n';
  }
  text += fmt::format(
      "{} to create, {} to change, {} to remove. "
      "Nothing was done; `vireo run` does it.\n",
      created, changed, removed);
  return text;
}

}  // namespace vireo
