// SPDX-License-Identifier: Apache-2.0
#include "control/plan/planner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "control/plan/addressing.h"
#include "control/plan/instance_plan.h"
#include "control/plan/placement.h"

namespace vireo {
namespace {

class Planner {
 public:
  explicit Planner(const PlanInputs& inputs) : in_(inputs) {}

  PlanResult plan() {
    result_.desired.service = in_.service.name;
    result_.desired.chain = in_.service.chain;
    check_memory(in_.service, in_.host_memory, result_.findings);
    for (const FunctionSpec& function : in_.service.functions) plan_function(function);
    if (traits_.size() == in_.service.functions.size()) plan_graph();
    return std::move(result_);
  }

 private:
  const ResolvedImage* image_of(const FunctionSpec& function) {
    auto found = in_.images.find(function.image);
    if (found != in_.images.end() && !found->second.error) return &found->second;
    SourcePlace where = function.image_place.line > 0 ? function.image_place : function.place;
    bool absent = found == in_.images.end() || found->second.error->code == Errc::not_found;
    if (absent)
      result_.findings.push_back(absent_image(
          function, where, found == in_.images.end() ? std::string() : found->second.near));
    else
      result_.findings.push_back({where, static_cast<int>(function.image.size()),
                                  fmt::format("image `{}` cannot be used: {}", function.image,
                                              found->second.error->message),
                                  ""});
    return nullptr;
  }

  static Finding absent_image(const FunctionSpec& function, SourcePlace where,
                              const std::string& near) {
    const char* ways =
        "`vireo image ls` lists what is; `vireo image build` and `vireo image import` bring more";
    return {where, static_cast<int>(function.image.size()),
            fmt::format("image `{}` of function `{}` is not here", function.image, function.name),
            near.empty() ? ways : fmt::format("did you mean `{}`?  {}", near, ways)};
  }

  void plan_function(const FunctionSpec& function) {
    std::optional<Placement> placement =
        place(function, in_.technologies, in_.service.name, result_.findings);
    const ResolvedImage* image = image_of(function);
    if (!placement || image == nullptr) return;
    DesiredFunction desired;
    desired.name = function.name;
    desired.driver = placement->offer->driver;
    desired.technology_note = placement->note;
    desired.image = function.image;
    desired.instance = plan_instance(function, *image, result_.findings);
    desired.instance.id = fmt::format("{}{}.1", service_prefix(in_.service.name), function.name);
    desired.instance.technology = placement->offer->technology;
    desired.restart = function.restart;
    describe_function(function, image->image, desired);
    result_.desired.functions.push_back(std::move(desired));
    offers_.push_back(placement->offer);
  }

  void describe_function(const FunctionSpec& function, const Image& image,
                         DesiredFunction& desired) {
    FunctionTraits traits;
    desired.health = function.health;
    if (image.function) {
      const FunctionType& type = *image.function;
      traits = {type.role, type.ports, type.fewest_ports, type.most_ports};
      desired.libvnf = true;
      desired.make_before_break = type.ports == PortStyle::packet;
      desired.has_state = type.state_version > 0;
      desired.counters = type.counters;
      if (!desired.health) desired.health = HealthCheck{};
    } else if (desired.health && desired.health->kind == HealthKind::heartbeat) {
      desired.health.reset();  // only a libvnf function has a heartbeat
    }
    traits_.push_back(traits);
  }

  void plan_graph() {
    Topology topology = plan_topology(in_.service, traits_, result_.findings);
    if (!result_.findings.empty()) return;
    AddressedPorts addressed =
        plan_addresses(topology, in_.service, traits_, in_.allocation, result_.findings);
    add_links(topology, addressed);
    add_ports(topology, addressed);
    result_.desired.allocation = std::move(addressed.allocation);
    for (size_t i = 0; i < traits_.size(); i++) finish(in_.service.functions[i], i);
  }

  void add_links(const Topology& topology, const AddressedPorts& addressed) {
    for (size_t i = 0; i < topology.links.size(); i++) {
      const TopologyLink& link = topology.links[i];
      DesiredLink desired;
      desired.name = link.name;
      desired.implied = link.spec == nullptr;
      desired.request.id = service_prefix(in_.service.name) + link.name;
      if (link.spec != nullptr) fill(*link.spec, topology.subnets[link.domain], desired);
      desired.request.host_mac = addressed.host_macs[i];
      desired.subnets = topology.subnets[link.domain];
      desired.facets["subnet"] = fmt::format("{}", fmt::join(texts(desired.subnets), " "));
      desired.facets["host"] =
          fmt::format("{}", fmt::join(texts(desired.request.host_addresses), " "));
      const auto& uplink = desired.request.uplink;
      desired.facets["uplink"] =
          uplink ? uplink->interface + (uplink->take ? " (take)" : "") : "none";
      result_.desired.links.push_back(std::move(desired));
    }
  }

  void fill(const LinkSpec& spec, const std::vector<IpPrefix>& subnets, DesiredLink& desired) {
    desired.request.uplink = spec.uplink;
    for (const IpAddress& address : spec.host_addresses) {
      auto subnet = std::ranges::find_if(
          subnets, [&](const IpPrefix& candidate) { return candidate.contains(address); });
      if (subnet != subnets.end()) {
        desired.request.host_addresses.push_back({address, subnet->length});
        continue;
      }
      result_.findings.push_back({spec.place, 1,
                                  fmt::format("the host's address {} is in no subnet of link `{}`",
                                              to_string(address), spec.name),
                                  "choose one inside the link's `subnet`"});
    }
  }

  static std::vector<std::string> texts(const std::vector<IpPrefix>& prefixes) {
    std::vector<std::string> list;
    for (const IpPrefix& prefix : prefixes) list.push_back(to_string(prefix));
    return list;
  }

  void add_ports(const Topology& topology, AddressedPorts& addressed) {
    for (size_t i = 0; i < topology.ports.size(); i++) {
      const Connection& connection = topology.ports[i];
      DesiredFunction& function = result_.desired.functions[connection.function];
      std::optional<PortKind> kind = choose_port_kind(traits_[connection.function].style,
                                                      in_.fabric, *offers_[connection.function]);
      if (!kind) {
        result_.findings.push_back(
            {in_.service.functions[connection.function].place, 1,
             fmt::format("fabric `{}` makes no port that {} takes for `{}`", in_.fabric.name,
                         function.instance.technology, function.name),
             "choose another technology"});
        continue;
      }
      PortSpec port = std::move(addressed.ports[i]);
      port.id = fmt::format("{}:{}", function.instance.id, port.name);
      port.link = service_prefix(in_.service.name) + topology.links[connection.link].name;
      port.kind = *kind;
      function.instance.ports.push_back(std::move(port));
    }
  }

  void finish(const FunctionSpec& spec, size_t index) {
    DesiredFunction& function = result_.desired.functions[index];
    function.facets = function_facets(spec, function.instance);
    if (traits_[index].style != PortStyle::stack) return;
    auto& files = function.instance.files;
    auto given = [&](const char* path) {
      return std::ranges::find(files, path, &FileContent::path) != files.end();
    };
    if (!given(path_of_hosts)) {
      if (hosts_.empty()) hosts_ = hosts_file(in_.service.name, result_.desired.functions);
      function.facets["hosts"] = short_hash(hosts_);
      files.push_back({path_of_hosts, hosts_, 0644});
    }
    if (!given("/etc/resolv.conf"))
      files.push_back(
          {"/etc/resolv.conf", "# Functions of this service are named in /etc/hosts.\n", 0644});
  }

  const PlanInputs& in_;
  PlanResult result_;
  std::vector<FunctionTraits> traits_;
  std::vector<const TechnologyOffer*> offers_;
  std::string hosts_;  // the same for all functions
};

}  // namespace

std::string service_prefix(std::string_view service) { return fmt::format("default/{}/", service); }

PlanResult plan_service(const PlanInputs& inputs) { return Planner(inputs).plan(); }

InstanceSpec at_generation(const InstanceSpec& instance, uint64_t generation) {
  InstanceSpec result = instance;
  result.id = fmt::format("{}@{}", instance.id, generation);
  for (PortSpec& port : result.ports) port.id = fmt::format("{}:{}", result.id, port.name);
  return result;
}

}  // namespace vireo
