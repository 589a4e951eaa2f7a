// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "model/descriptor_read.h"
#include "model/finding.h"
#include "model/technology.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;
constexpr uint64_t least_memory = 64u << 10;
constexpr auto longest_poll = 1s;

struct PlacedSubnet {
  std::string link;
  IpPrefix prefix;
  int line;
};

void report(const YamlNode& node, std::string message, std::string fix,
            std::vector<Finding>& findings) {
  findings.push_back({node.place, node.length, std::move(message), std::move(fix)});
}

const YamlNode& section(const YamlNode& root, std::string_view key) {
  static const YamlNode empty;
  const YamlNode* found = root.find(key);
  return found != nullptr ? *found : empty;
}

std::vector<std::string> names_in(const YamlNode& map) {
  std::vector<std::string> names;
  for (const auto& [key, value] : map.members) names.push_back(key.value);
  return names;
}

bool is_special(const IpAddress& ip) {  // unspecified, loopback, multicast, reserved
  if (!ip.v6) return ip.bytes[0] == 0 || ip.bytes[0] == 127 || ip.bytes[0] >= 224;
  return ip.bytes[0] == 0xff || ip.bytes[0] == 0;
}

// One subnet alone. True: good enough to compare with others.
bool check_subnet(const YamlNode& node, const IpPrefix& prefix, std::vector<Finding>& findings) {
  if (!prefix.is_network()) {
    report(node, fmt::format("{} is an address in a network, not a network", quoted(node.value)),
           fmt::format("did you mean `{}`?", to_string(prefix.network())), findings);
    return false;
  }
  unsigned shortest = prefix.address.v6 ? 16 : 8;
  unsigned longest = prefix.address.bits() - 2;
  if (prefix.length < shortest || prefix.length > longest) {
    report(node, fmt::format("subnet {} has a bad length", quoted(node.value)),
           fmt::format("from /{} to /{}", shortest, longest), findings);
    return false;
  }
  if (is_special(prefix.address))
    report(node, fmt::format("{} has a special meaning and cannot be a subnet", quoted(node.value)),
           "take a private one like `10.20.0.0/24`", findings);
  return true;
}

void check_overlap(const YamlNode& node, const PlacedSubnet& mine,
                   const std::vector<PlacedSubnet>& others, std::vector<Finding>& findings) {
  for (const PlacedSubnet& other : others) {
    if (!mine.prefix.overlaps(other.prefix)) continue;
    report(node,
           fmt::format("subnet {} of link `{}` overlaps {} of link `{}`", quoted(node.value),
                       mine.link, to_string(other.prefix), other.link),
           fmt::format("the other is on line {}", other.line), findings);
    return;
  }
}

std::map<std::string, std::vector<IpPrefix>> subnets_by_link(const YamlNode& root) {
  std::map<std::string, std::vector<IpPrefix>> subnets;
  for (const auto& [key, link] : section(root, "links").members) {
    auto& list = subnets[key.value];
    for (const YamlNode* node : one_or_more(link.find("subnet")))
      if (auto prefix = parse_prefix(node->value)) list.push_back(*prefix);
  }
  return subnets;
}

// Addresses and MACs that somebody asked for: each once, and in a subnet of its link.
class Claims {
 public:
  Claims(const YamlNode& root, std::vector<Finding>& findings)
      : subnets_(subnets_by_link(root)), findings_(findings) {}

  void address(const YamlNode& node, const std::string& link) {
    auto ip = parse_ip(node.value);
    auto known = subnets_.find(link);
    if (!ip || known == subnets_.end()) return;
    // A link without a subnet may have that of a link beyond a transparent function: the planner
    // knows.
    if (known->second.empty()) return claim(node, fmt::format("address {}", to_string(*ip)));
    auto subnet = std::find_if(known->second.begin(), known->second.end(),
                               [&](const IpPrefix& one) { return one.contains(*ip); });
    if (subnet == known->second.end())
      return report(
          node, fmt::format("address {} is in no subnet of link `{}`", quoted(node.value), link),
          subnets_text(known->second), findings_);
    if (*ip == subnet->address || (!ip->v6 && *ip == subnet->broadcast()))
      return report(
          node,
          fmt::format("address {} is the {} address of {}", quoted(node.value),
                      *ip == subnet->address ? "network's own" : "broadcast", to_string(*subnet)),
          "take one in between", findings_);
    claim(node, fmt::format("address {}", to_string(*ip)));
  }

  void mac(const YamlNode& node) {
    auto mac = parse_mac(node.value);
    if (!mac) return;
    if (mac->is_zero() || mac->is_multicast())
      return report(node, fmt::format("{} is not the MAC of one interface", quoted(node.value)),
                    "own ones start with `02:`", findings_);
    claim(node, fmt::format("MAC {}", to_string(*mac)));
  }

 private:
  void claim(const YamlNode& node, const std::string& what) {
    auto [first, is_new] = lines_.emplace(what, node.place.line);
    if (!is_new)
      report(node, fmt::format("{} is given twice", what),
             fmt::format("it is first on line {}", first->second), findings_);
  }
  static std::string subnets_text(const std::vector<IpPrefix>& subnets) {
    std::vector<std::string> texts;
    for (const IpPrefix& one : subnets) texts.push_back(to_string(one));
    return fmt::format("the link has {}", fmt::join(texts, " and "));
  }

  std::map<std::string, std::vector<IpPrefix>> subnets_;
  std::map<std::string, int> lines_;
  std::vector<Finding>& findings_;
};

void check_memory(const YamlNode& function, std::vector<Finding>& findings) {
  const YamlNode* limits = function.find("resources");
  const YamlNode* memory = limits != nullptr ? limits->find("memory") : nullptr;
  auto bytes = memory != nullptr ? parse_bytes(memory->value) : Result<uint64_t>(least_memory);
  if (bytes && *bytes < least_memory)
    report(*memory,
           fmt::format("memory of {} is too little for any function", quoted(memory->value)),
           "at least 64KiB", findings);
}

// Who polls takes a processor for itself; a unikernel's devices are polled beside it.
void check_poll(const YamlNode& function, std::vector<Finding>& findings) {
  const YamlNode* limits = function.find("resources");
  const YamlNode* poll = limits != nullptr ? limits->find("poll") : nullptr;
  const auto time = parse_duration(poll != nullptr ? poll->value : "0s");
  if (!time || time->count() == 0) return;
  if (*time > longest_poll)
    report(*poll, fmt::format("{} is too long to poll", quoted(poll->value)), "at most 1s",
           findings);
  double least = 1;
  for (const YamlNode* technology : one_or_more(function.find("technology")))
    if (technology->value != "auto" && is_machine(technology->value)) least = 2;
  const YamlNode* cpus = limits->find("cpus");
  if (cpus == nullptr || json_of(*cpus).number() < least)
    report(*poll, "who polls needs processors for itself",
           fmt::format("say `cpus: {}` or more beside it, or leave `poll` out", least), findings);
}

void check_port(const YamlNode& port, const std::vector<std::string>& links, Claims& claims,
                std::vector<Finding>& findings) {
  const YamlNode* link = port.is_scalar() ? &port : port.find("link");
  if (link == nullptr || link->kind != YamlKind::text) return;
  if (std::find(links.begin(), links.end(), link->value) == links.end())
    report(*link, fmt::format("no link {}", quoted(link->value)), did_you_mean(link->value, links),
           findings);
  for (const YamlNode* address : one_or_more(port.find("address")))
    claims.address(*address, link->value);
  if (const YamlNode* mac = port.find("mac")) claims.mac(*mac);
}

}  // namespace

void check_links(const YamlNode& root, std::vector<Finding>& findings) {
  std::vector<PlacedSubnet> seen;
  const YamlNode& functions = section(root, "functions");
  for (const auto& [key, link] : section(root, "links").members) {
    if (functions.find(key.value) != nullptr)
      report(key, fmt::format("{} is the name of a function too", quoted(key.value)),
             "a chain could not tell them apart: rename one", findings);
    for (const YamlNode* node : one_or_more(link.find("subnet"))) {
      auto prefix = parse_prefix(node->value);
      if (!prefix || !check_subnet(*node, *prefix, findings)) continue;
      PlacedSubnet mine{key.value, *prefix, node->place.line};
      check_overlap(*node, mine, seen, findings);
      seen.push_back(std::move(mine));
    }
  }
}

void check_functions(const YamlNode& root, std::vector<Finding>& findings) {
  Claims claims(root, findings);
  std::vector<std::string> links = names_in(section(root, "links"));
  for (const auto& [key, link] : section(root, "links").members)
    for (const YamlNode* address : one_or_more(link.find("host")))
      claims.address(*address, key.value);
  for (const auto& [key, function] : section(root, "functions").members) {
    check_memory(function, findings);
    check_poll(function, findings);
    for (const YamlNode* port : one_or_more(function.find("ports")))
      check_port(*port, links, claims, findings);
  }
}

}  // namespace vireo
