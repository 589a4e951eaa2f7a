// SPDX-License-Identifier: Apache-2.0
#include "control/plan/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace vireo {
namespace {

class Builder {
 public:
  Builder(const ServiceSpec& service, std::span<const FunctionTraits> traits,
          std::vector<Finding>& findings)
      : service_(service), traits_(traits), findings_(findings) {}

  Topology build() {
    add_named_links();
    add_chain();
    add_own_ports();
    std::ranges::stable_sort(topology_.ports, {}, [](const Connection& port) {
      return std::pair(port.function, port.index);
    });
    check_port_counts();
    join_domains();
    give_subnets();
    return std::move(topology_);
  }

 private:
  enum class Element { link, function, unknown };

  void find(SourcePlace place, std::string message, std::string fix) {
    findings_.push_back({place, 1, std::move(message), std::move(fix)});
  }

  void add_named_links() {
    for (const LinkSpec& link : service_.links) {
      links_[link.name] = topology_.links.size();
      topology_.links.push_back({link.name, &link, 0, {}, link.place});
    }
    for (size_t i = 0; i < service_.functions.size(); i++)
      functions_[service_.functions[i].name] = i;
  }

  Element kind_of(const std::string& name) const {
    if (links_.contains(name)) return Element::link;
    return functions_.contains(name) ? Element::function : Element::unknown;
  }

  SourcePlace chain_place(size_t i) const {
    return i < service_.chain_places.size() ? service_.chain_places[i] : SourcePlace{};
  }

  void add_chain() {
    const auto& chain = service_.chain;
    std::set<std::string> seen;
    for (size_t i = 0; i < chain.size(); i++) {
      if (!seen.insert(chain[i]).second)
        return find(chain_place(i), fmt::format("`{}` is twice in the chain", chain[i]),
                    "name each link and function once");
      if (!check_element(i)) return;
    }
    for (size_t i = 0; i < chain.size(); i++)
      if (kind_of(chain[i]) == Element::function) connect_in_chain(i);
  }

  bool check_element(size_t i) {
    const std::string& name = service_.chain[i];
    Element kind = kind_of(name);
    bool end = i == 0 || i + 1 == service_.chain.size();
    if (kind == Element::unknown)
      return find(chain_place(i),
                  fmt::format("the chain names `{}`, which is no link or function", name),
                  "add it under `links` or `functions`"),
             false;
    if (kind == Element::link) return check_link_element(i);
    const FunctionTraits& traits = traits_[functions_.at(name)];
    if (traits.role == FunctionRole::endpoint)
      return find(chain_place(i),
                  fmt::format("`{}` ends traffic and cannot stand in a chain", name),
                  fmt::format(
                      "take it out of the chain and give it ports: `{}: {{ ports: [LINK] }}`",
                      name)),
             false;
    if (end)
      return find(chain_place(i),
                  fmt::format("the chain {} with the function `{}`", i == 0 ? "begins" : "ends",
                              name),
                  "a chain begins and ends with a link"),
             false;
    return true;
  }

  bool check_link_element(size_t i) {
    if (i == 0 || kind_of(service_.chain[i - 1]) != Element::link) return true;
    find(chain_place(i),
         fmt::format("no function stands between the links `{}` and `{}`", service_.chain[i - 1],
                     service_.chain[i]),
         "put a function between them, or use one link");
    return false;
  }

  void connect_in_chain(size_t i) {
    size_t function = functions_.at(service_.chain[i]);
    topology_.ports.push_back({function, 0, link_between(i - 1), nullptr});
    topology_.ports.push_back({function, 1, link_between(i), nullptr});
    in_chain_.insert(function);
  }

  // The link that joins the elements i and i + 1.
  size_t link_between(size_t i) {
    const std::string& left = service_.chain[i];
    const std::string& right = service_.chain[i + 1];
    if (auto named = links_.find(left); named != links_.end()) return named->second;
    if (auto named = links_.find(right); named != links_.end()) return named->second;
    auto [entry, fresh] = implied_.try_emplace(i, topology_.links.size());
    if (fresh) {
      std::string name = left + "-" + right;
      while (links_.contains(name)) name += "-";
      topology_.links.push_back(
          {name, nullptr, 0, fmt::format("`{}` and `{}`", left, right), chain_place(i + 1)});
    }
    return entry->second;
  }

  void add_own_ports() {
    for (size_t i = 0; i < service_.functions.size(); i++) {
      const FunctionSpec& function = service_.functions[i];
      if (in_chain_.contains(i) && !function.ports.empty()) {
        find(function.ports.front().place,
             fmt::format("`{}` stands in the chain, which gives it its ports", function.name),
             "remove `ports`, or take it out of the chain");
        continue;
      }
      for (const PortRequest& request : function.ports) add_own_port(i, request);
    }
  }

  void add_own_port(size_t function, const PortRequest& request) {
    auto link = links_.find(request.link);
    if (link == links_.end())
      return find(request.place,
                  fmt::format("`{}` has a port on `{}`, which is no link",
                              service_.functions[function].name, request.link),
                  "name a link of `links`");
    auto index =
        static_cast<unsigned>(std::ranges::count(topology_.ports, function, &Connection::function));
    topology_.ports.push_back({function, index, link->second, &request});
  }

  void check_port_counts() {
    for (size_t i = 0; i < service_.functions.size(); i++) {
      auto count = std::ranges::count(topology_.ports, i, &Connection::function);
      const FunctionTraits& traits = traits_[i];
      if (count >= traits.fewest_ports && count <= traits.most_ports) continue;
      std::string wanted = traits.fewest_ports == traits.most_ports
                               ? fmt::format("{}", traits.fewest_ports)
                               : fmt::format("{} to {}", traits.fewest_ports, traits.most_ports);
      find(service_.functions[i].place,
           fmt::format("`{}` has {} port{}, its function takes {}", service_.functions[i].name,
                       count, count == 1 ? "" : "s", wanted),
           "put it into `chain`, or list its links under `ports`");
    }
  }

  size_t root(size_t link) const {
    while (parent_[link] != link) link = parent_[link];
    return link;
  }

  void join_domains() {
    parent_.resize(topology_.links.size());
    std::iota(parent_.begin(), parent_.end(), size_t{0});
    std::map<size_t, size_t> first;  // function -> link of its first port
    for (const Connection& port : topology_.ports) {
      if (traits_[port.function].role != FunctionRole::transparent) continue;
      auto [entry, fresh] = first.try_emplace(port.function, port.link);
      if (!fresh) parent_[root(port.link)] = root(entry->second);
    }
    for (size_t i = 0; i < topology_.links.size(); i++) topology_.links[i].domain = root(i);
  }

  void give_subnets() {
    topology_.subnets.resize(topology_.links.size());
    std::map<size_t, const LinkSpec*> giver;
    for (const TopologyLink& link : topology_.links) {
      if (link.spec == nullptr || link.spec->subnets.empty()) continue;
      auto [entry, fresh] = giver.try_emplace(link.domain, link.spec);
      if (fresh) {
        topology_.subnets[link.domain] = link.spec->subnets;
        continue;
      }
      find(link.place,
           fmt::format("the links `{}` and `{}` are joined by transparent functions, but have "
                       "different subnets",
                       entry->second->name, link.name),
           fmt::format("leave out `subnet` of one of them, or put a routed function between them"));
    }
  }

  const ServiceSpec& service_;
  std::span<const FunctionTraits> traits_;
  std::vector<Finding>& findings_;
  Topology topology_;
  std::map<std::string, size_t> links_, functions_;
  std::map<size_t, size_t> implied_;  // by the position in the chain of its left end
  std::set<size_t> in_chain_;
  std::vector<size_t> parent_;
};

}  // namespace

Topology plan_topology(const ServiceSpec& service, std::span<const FunctionTraits> traits,
                       std::vector<Finding>& findings) {
  return Builder(service, traits, findings).build();
}

}  // namespace vireo
