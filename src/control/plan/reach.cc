// SPDX-License-Identifier: Apache-2.0
#include "control/plan/reach.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace vireo {
namespace {

std::optional<IpAddress> address_of(const PortSpec& port, bool v6) {
  for (const IpPrefix& own : port.addresses)
    if (own.address.v6 == v6) return own.address;
  return std::nullopt;
}

class Gateways {
 public:
  Gateways(const Topology& topology, std::span<const FunctionTraits> traits,
           const AddressedPorts& addressed)
      : topology_(topology), traits_(traits), addressed_(addressed) {}

  // The rules of addressing.h; `outside`: also a router that itself looks this way.
  std::optional<IpAddress> of(size_t domain, bool v6, size_t asking, bool outside) const {
    if (auto inner = router(domain, v6, asking, false)) return inner;
    if (auto host = host_address(domain, v6)) return host;
    return outside ? router(domain, v6, asking, true) : std::nullopt;
  }

 private:
  std::optional<IpAddress> router(size_t domain, bool v6, size_t asking, bool upstream) const {
    for (size_t i = 0; i < topology_.ports.size(); i++) {
      const Connection& port = topology_.ports[i];
      if (topology_.links[port.link].domain != domain || port.function == asking) continue;
      if (traits_[port.function].role != FunctionRole::routed) continue;
      if ((port.index == 0) != upstream) continue;
      if (auto address = address_of(addressed_.ports[i], v6)) return address;
    }
    return std::nullopt;
  }

  std::optional<IpAddress> host_address(size_t domain, bool v6) const {
    for (const TopologyLink& link : topology_.links) {
      if (link.domain != domain || link.spec == nullptr) continue;
      for (const IpAddress& address : link.spec->host_addresses)
        if (address.v6 == v6) return address;
    }
    return std::nullopt;
  }

  const Topology& topology_;
  std::span<const FunctionTraits> traits_;
  const AddressedPorts& addressed_;
};

class Reach {
 public:
  Reach(const Topology& topology, std::span<const FunctionTraits> traits,
        const AddressedPorts& addressed)
      : topology_(topology), traits_(traits), addressed_(addressed) {
    for (size_t i = 0; i < topology.ports.size(); i++) {
      on_link_[topology.ports[i].link].push_back(i);
      of_function_[topology.ports[i].function].push_back(i);
    }
  }

  // What a frame meets when it enters the port's function by it.
  struct Beyond {
    std::vector<Neighbour> neighbours;  // everything with an address
    bool routes = false;                // one of them forwards what others sent
    bool outward = false;               // an uplink
  };
  Beyond beyond(size_t port) const {
    Beyond found;
    std::set<size_t> visited{topology_.ports[port].link};
    cross(topology_.ports[port].function, port, visited, found);
    return found;
  }

  // A foreign function with several ports may be a router: its kernel decides.
  bool routes(size_t function) const {
    if (traits_[function].role == FunctionRole::routed) return true;
    return traits_[function].role == FunctionRole::endpoint && of_function_.at(function).size() > 1;
  }

  // Everything with an address in the domain of `port`; with `routers`, those and the host only.
  std::vector<Neighbour> beside(size_t domain, bool routers) const {
    std::vector<Neighbour> found;
    for (size_t i = 0; i < topology_.links.size(); i++)
      if (topology_.links[i].domain == domain) add_host(i, found);
    for (size_t i = 0; i < topology_.ports.size(); i++) {
      if (topology_.links[topology_.ports[i].link].domain != domain) continue;
      bool router = traits_[topology_.ports[i].function].role == FunctionRole::routed;
      if (!routers || router) add_port(i, found);
    }
    return found;
  }

 private:
  void cross(size_t function, size_t from, std::set<size_t>& visited, Beyond& found) const {
    for (size_t other : of_function_.at(function))
      if (other != from) walk(topology_.ports[other].link, other, visited, found);
  }

  void walk(size_t link, size_t from, std::set<size_t>& visited, Beyond& found) const {
    if (!visited.insert(link).second) return;
    const LinkSpec* spec = topology_.links[link].spec;
    found.outward |= spec != nullptr && spec->uplink;
    found.routes |= spec != nullptr && !spec->host_addresses.empty();
    add_host(link, found.neighbours);
    for (size_t port : on_link_.at(link)) {
      if (port == from) continue;
      const size_t function = topology_.ports[port].function;
      if (traits_[function].role == FunctionRole::transparent) {
        cross(function, port, visited, found);
        continue;
      }
      add_port(port, found.neighbours);
      found.routes |= routes(function);
    }
  }

  void add_port(size_t port, std::vector<Neighbour>& found) const {
    for (const IpPrefix& own : addressed_.ports[port].addresses)
      found.push_back({own.address, addressed_.ports[port].mac});
  }

  void add_host(size_t link, std::vector<Neighbour>& found) const {
    if (topology_.links[link].spec == nullptr) return;
    for (const IpAddress& address : topology_.links[link].spec->host_addresses)
      found.push_back({address, addressed_.host_macs[link]});
  }

  const Topology& topology_;
  std::span<const FunctionTraits> traits_;
  const AddressedPorts& addressed_;
  std::map<size_t, std::vector<size_t>> on_link_, of_function_;
};

}  // namespace

void plan_gateways(const Topology& topology, std::span<const FunctionTraits> traits,
                   AddressedPorts& addressed) {
  Gateways gateways(topology, traits, addressed);
  std::set<std::pair<size_t, bool>> routed_already;  // function, family: one default route each
  for (size_t i = 0; i < topology.ports.size(); i++) {
    const Connection& port = topology.ports[i];
    FunctionRole role = traits[port.function].role;
    if (role == FunctionRole::transparent) continue;
    if (role == FunctionRole::routed && port.index != 0) continue;
    for (bool v6 : {false, true}) {
      if (!address_of(addressed.ports[i], v6)) continue;
      auto gateway = gateways.of(topology.links[port.link].domain, v6, port.function,
                                 role == FunctionRole::endpoint);
      if (gateway && routed_already.insert({port.function, v6}).second)
        addressed.ports[i].gateways.push_back(*gateway);
    }
  }
}

void plan_reach(const Topology& topology, std::span<const FunctionTraits> traits,
                AddressedPorts& addressed) {
  Reach reach(topology, traits, addressed);
  std::map<size_t, std::vector<Neighbour>> domains;
  for (size_t i = 0; i < topology.ports.size(); i++) {
    PortSpec& port = addressed.ports[i];
    if (traits[topology.ports[i].function].role == FunctionRole::transparent) {
      Reach::Beyond beyond = reach.beyond(i);
      port.behind = std::move(beyond.neighbours);
      port.outward = beyond.outward;
      port.routes = beyond.routes;
      continue;
    }
    port.routes = reach.routes(topology.ports[i].function);
    size_t domain = topology.links[topology.ports[i].link].domain;
    auto [entry, fresh] = domains.try_emplace(domain);
    if (fresh) entry->second = reach.beside(domain, false);
    if (entry->second.size() > most_seeded_neighbours) entry->second = reach.beside(domain, true);
    for (const Neighbour& neighbour : entry->second)
      if (neighbour.mac != port.mac) port.neighbours.push_back(neighbour);
  }
}

}  // namespace vireo
