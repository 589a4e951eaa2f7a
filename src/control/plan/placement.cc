// SPDX-License-Identifier: Apache-2.0
#include "control/plan/placement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace vireo {
namespace {

const TechnologyOffer* offer_of(std::span<const TechnologyOffer> technologies,
                                const std::string& word) {
  const TechnologyOffer* found = nullptr;
  for (const TechnologyOffer& offer : technologies)
    if (offer.technology == word && (found == nullptr || !found->support.possible)) found = &offer;
  return found;
}

std::string possible_here(std::span<const TechnologyOffer> technologies) {
  std::vector<std::string> possible;
  for (const TechnologyOffer& offer : technologies)
    if (offer.support.possible)
      possible.push_back(offer.support.how.empty()
                             ? offer.technology
                             : fmt::format("{} ({})", offer.technology, offer.support.how));
  return possible.empty()
             ? "no technology is possible here; `vireo host` explains"
             : fmt::format("possible here: {}. `vireo host` explains", fmt::join(possible, ", "));
}

std::string why_not(const TechnologyOffer* offer) {
  if (offer == nullptr) return "no driver of this Vireo runs it";
  if (offer->support.missing.empty()) return "this host lacks what it needs";
  return fmt::format("{}", fmt::join(offer->support.missing, "; "));
}

std::vector<std::string> preferences(const FunctionSpec& function,
                                     std::span<const TechnologyOffer> technologies) {
  std::vector<std::string> words = function.technologies;
  if (words.empty()) words.emplace_back("container");
  if (words != std::vector<std::string>{"auto"}) return words;
  words.clear();
  for (const TechnologyOffer& offer : technologies) words.push_back(offer.technology);
  return words;
}

}  // namespace

std::optional<Placement> place(const FunctionSpec& function,
                               std::span<const TechnologyOffer> technologies,
                               const std::string& service, std::vector<Finding>& findings) {
  std::vector<std::string> reasons;
  std::vector<std::string> words = preferences(function, technologies);
  for (const std::string& word : words) {
    const TechnologyOffer* offer = offer_of(technologies, word);
    if (offer != nullptr && offer->support.possible)
      return Placement{offer, fmt::format("{}", fmt::join(reasons, "; "))};
    reasons.push_back(fmt::format("{}: not possible here: {}", word, why_not(offer)));
  }
  std::string message =
      words.size() == 1
          ? fmt::format("cannot run `{}/{}` as {}: {}", service, function.name, words.front(),
                        why_not(offer_of(technologies, words.front())))
          : fmt::format("cannot run `{}/{}`: {}", service, function.name, fmt::join(reasons, "; "));
  SourcePlace where =
      function.technology_place.line > 0 ? function.technology_place : function.place;
  const int length = static_cast<int>(words.front().size());
  findings.push_back({where, length, message, possible_here(technologies)});
  return std::nullopt;
}

std::optional<PortKind> choose_port_kind(PortStyle style, const FabricInfo& fabric,
                                         const TechnologyOffer& offer) {
  for (PortKind kind : fabric.port_kinds) {
    bool fits = (kind == PortKind::veth) == (style == PortStyle::stack);
    if (fits && std::ranges::find(offer.port_kinds, kind) != offer.port_kinds.end()) return kind;
  }
  return std::nullopt;
}

void check_memory(const ServiceSpec& service, uint64_t host_memory,
                  std::vector<Finding>& findings) {
  if (host_memory == 0) return;
  uint64_t together = 0;
  for (const FunctionSpec& function : service.functions) {
    uint64_t memory = function.resources.memory;
    SourcePlace where = function.memory_place.line > 0 ? function.memory_place : function.place;
    if (memory > host_memory) {
      findings.push_back({where, 1,
                          fmt::format("`{}` asks for {} of memory, this host has {}", function.name,
                                      bytes_text(memory), bytes_text(host_memory)),
                          "ask for less"});
      return;
    }
    together += memory;
    if (together > host_memory) {
      findings.push_back({where, 1,
                          fmt::format("the functions up to `{}` ask for {} of memory "
                                      "together, this host has {}",
                                      function.name, bytes_text(together), bytes_text(host_memory)),
                          "ask for less, or leave out limits that are not needed"});
      return;
    }
  }
}

}  // namespace vireo
