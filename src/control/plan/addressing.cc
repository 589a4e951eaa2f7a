// SPDX-License-Identifier: Apache-2.0
#include "control/plan/addressing.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "control/plan/reach.h"

namespace vireo {
namespace {

constexpr uint64_t most_tries = 1u << 20;  // of one search for a free address

class Addresser {
 public:
  Addresser(const Topology& topology, const ServiceSpec& service,
            std::span<const FunctionTraits> traits, const Allocation& before,
            std::vector<Finding>& findings)
      : topology_(topology),
        service_(service),
        traits_(traits),
        before_(before),
        findings_(findings),
        used_(topology.links.size()) {}

  AddressedPorts plan() {
    result_.ports.resize(topology_.ports.size());
    result_.host_macs.resize(topology_.links.size());
    for (size_t i = 0; i < topology_.ports.size(); i++)
      result_.ports[i].name = fmt::format("port{}", topology_.ports[i].index);
    reserve();
    give_macs();
    for (size_t i = 0; i < topology_.ports.size(); i++) take_requested(i);
    for (size_t i = 0; i < topology_.ports.size(); i++) take_stored(i);
    // Routed ports first: a gateway gets the lowest address of its subnet.
    for (FunctionRole role : {FunctionRole::routed, FunctionRole::endpoint})
      for (size_t i = 0; i < topology_.ports.size(); i++)
        if (role_of(i) == role) take_fresh(i);
    record();
    return std::move(result_);
  }

 private:
  FunctionRole role_of(size_t port) const { return traits_[topology_.ports[port].function].role; }
  size_t domain_of(size_t port) const { return topology_.links[topology_.ports[port].link].domain; }
  const FunctionSpec& function_of(size_t port) const {
    return service_.functions[topology_.ports[port].function];
  }
  std::string key_of(size_t port) const {
    return fmt::format("{}:{}", function_of(port).name, result_.ports[port].name);
  }
  SourcePlace place_of(size_t port) const {
    const PortRequest* request = topology_.ports[port].request;
    return request != nullptr ? request->place : function_of(port).place;
  }
  void find(SourcePlace place, std::string message, std::string fix) {
    findings_.push_back({place, 1, std::move(message), std::move(fix)});
  }

  void reserve() {
    for (size_t link = 0; link < topology_.links.size(); link++) {
      const LinkSpec* spec = topology_.links[link].spec;
      if (spec == nullptr) continue;
      auto& used = used_[topology_.links[link].domain];
      for (const IpAddress& address : spec->host_addresses) used.insert(address);
      for (const IpPrefix& subnet : spec->subnets) {
        bool pair = subnet.address.bits() - subnet.length <= 1;
        if (pair) continue;
        used.insert(subnet.network().address);
        if (!subnet.address.v6) used.insert(subnet.broadcast());
      }
    }
  }

  const PortAllocation* stored(const std::string& key) const {
    auto found = before_.ports.find(key);
    return found == before_.ports.end() ? nullptr : &found->second;
  }

  // The user's, else the stored one, else made from the name; never one that is taken.
  void give_macs() {
    std::set<MacAddress> taken;
    for (size_t i = 0; i < topology_.ports.size(); i++) {
      const PortRequest* request = topology_.ports[i].request;
      if (request == nullptr || !request->mac) continue;
      result_.ports[i].mac = *request->mac;
      if (!taken.insert(*request->mac).second)
        find(place_of(i),
             fmt::format("the MAC address {} is given twice", to_string(*request->mac)),
             "give each port its own, or leave `mac` out");
    }
    for (size_t i = 0; i < topology_.ports.size(); i++)
      if (result_.ports[i].mac.is_zero()) result_.ports[i].mac = free_mac(key_of(i), taken);
    for (size_t i = 0; i < topology_.links.size(); i++) {
      const LinkSpec* spec = topology_.links[i].spec;
      if (spec != nullptr && !spec->host_addresses.empty())
        result_.host_macs[i] = free_mac("@" + spec->name, taken);
    }
  }

  MacAddress free_mac(const std::string& key, std::set<MacAddress>& taken) const {
    const PortAllocation* kept = stored(key);
    if (kept != nullptr && !kept->mac.is_zero() && taken.insert(kept->mac).second) return kept->mac;
    for (unsigned attempt = 0;; attempt++) {
      MacAddress mac = mac_for(fmt::format("default/{}/{}", service_.name, key), attempt);
      if (taken.insert(mac).second) return mac;
    }
  }

  const IpPrefix* subnet_of(size_t port, const IpAddress& address) const {
    for (const IpPrefix& subnet : topology_.subnets[domain_of(port)])
      if (subnet.contains(address)) return &subnet;
    return nullptr;
  }

  void give(size_t port, const IpAddress& address, const IpPrefix& subnet) {
    used_[domain_of(port)].insert(address);
    result_.ports[port].addresses.push_back({address, subnet.length});
  }

  void take_requested(size_t port) {
    const PortRequest* request = topology_.ports[port].request;
    if (request == nullptr) return;
    result_.ports[port].broadcast = request->broadcast;
    for (const IpAddress& address : request->addresses) take_one_requested(port, address);
  }

  void take_one_requested(size_t port, const IpAddress& address) {
    const std::string& link = topology_.links[topology_.ports[port].link].name;
    if (role_of(port) == FunctionRole::transparent)
      return find(place_of(port),
                  fmt::format("`{}` is transparent and has no addresses", function_of(port).name),
                  "remove `address`");
    const IpPrefix* subnet = subnet_of(port, address);
    if (subnet == nullptr)
      return find(place_of(port),
                  fmt::format("address {} is in no subnet of link `{}`", to_string(address), link),
                  "choose one inside the link's `subnet`");
    if (used_[domain_of(port)].contains(address))
      return find(place_of(port),
                  fmt::format("address {} on link `{}` is taken already", to_string(address), link),
                  "choose another, or leave `address` out");
    give(port, address, *subnet);
  }

  bool has_address_in(size_t port, const IpPrefix& subnet) const {
    return std::ranges::any_of(result_.ports[port].addresses,
                               [&](const IpPrefix& own) { return subnet.contains(own.address); });
  }

  void take_stored(size_t port) {
    const PortAllocation* kept = stored(key_of(port));
    if (kept == nullptr || role_of(port) == FunctionRole::transparent) return;
    for (const IpAddress& address : kept->addresses) {
      const IpPrefix* subnet = subnet_of(port, address);
      if (subnet == nullptr || has_address_in(port, *subnet)) continue;
      if (!used_[domain_of(port)].contains(address)) give(port, address, *subnet);
    }
  }

  void take_fresh(size_t port) {
    const auto& subnets = topology_.subnets[domain_of(port)];
    if (subnets.empty()) return explain_no_subnet(port);
    for (const IpPrefix& subnet : subnets) {
      if (has_address_in(port, subnet)) continue;
      std::optional<IpAddress> address = lowest_free(subnet, used_[domain_of(port)]);
      if (address)
        give(port, *address, subnet);
      else
        find(place_of(port),
             fmt::format("no address is free in {} for `{}`", to_string(subnet),
                         function_of(port).name),
             "use a larger subnet");
    }
    // The order of the subnets, wherever each address came from.
    std::ranges::stable_sort(result_.ports[port].addresses, {}, [&](const IpPrefix& own) {
      return std::ranges::find_if(
                 subnets, [&](const IpPrefix& subnet) { return subnet.contains(own.address); }) -
             subnets.begin();
    });
  }

  static std::optional<IpAddress> lowest_free(const IpPrefix& subnet,
                                              const std::set<IpAddress>& used) {
    for (uint64_t n = 0; n < most_tries; n++) {
      IpAddress candidate = plus(subnet.network().address, n);
      if (!subnet.contains(candidate)) return std::nullopt;
      if (!used.contains(candidate)) return candidate;
      if (candidate == subnet.broadcast()) return std::nullopt;  // next would wrap
    }
    return std::nullopt;
  }

  void explain_no_subnet(size_t port) {
    const TopologyLink& link = topology_.links[topology_.ports[port].link];
    if (!told_.insert(link.domain).second) return;
    if (link.spec == nullptr)
      return find(link.place,
                  fmt::format("{} need a subnet of their own between them", link.implied_between),
                  "put a link that has a `subnet` between them in `chain`");
    find(link.place,
         fmt::format("link `{}` has no subnet, so `{}` gets no address there", link.name,
                     function_of(port).name),
         fmt::format("add a subnet: `{}: {{ subnet: 10.0.0.0/24 }}`", link.name));
  }

  void record() {
    for (size_t i = 0; i < result_.ports.size(); i++) {
      PortAllocation& entry = result_.allocation.ports[key_of(i)];
      entry.mac = result_.ports[i].mac;
      for (const IpPrefix& own : result_.ports[i].addresses) entry.addresses.push_back(own.address);
    }
    for (size_t i = 0; i < result_.host_macs.size(); i++)
      if (!result_.host_macs[i].is_zero())
        result_.allocation.ports["@" + topology_.links[i].name].mac = result_.host_macs[i];
  }

  const Topology& topology_;
  const ServiceSpec& service_;
  std::span<const FunctionTraits> traits_;
  const Allocation& before_;
  std::vector<Finding>& findings_;
  std::vector<std::set<IpAddress>> used_;  // by domain
  std::set<size_t> told_;                  // domains
  AddressedPorts result_;
};

}  // namespace

AddressedPorts plan_addresses(const Topology& topology, const ServiceSpec& service,
                              std::span<const FunctionTraits> traits, const Allocation& before,
                              std::vector<Finding>& findings) {
  AddressedPorts result = Addresser(topology, service, traits, before, findings).plan();
  plan_gateways(topology, traits, result);
  plan_reach(topology, traits, result);
  return result;
}

}  // namespace vireo
