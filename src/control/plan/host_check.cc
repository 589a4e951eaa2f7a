// SPDX-License-Identifier: Apache-2.0
#include "control/plan/host_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace vireo {
namespace {

class Check {
 public:
  Check(const HostView& host, std::vector<Finding>& findings) : host_(host), findings_(findings) {}

  void addresses(const DesiredLink& link, SourcePlace where) {
    for (const IpPrefix& mine : link.request.host_addresses)
      for (const HostUse& other : host_.others)
        for (const IpPrefix& theirs : other.addresses)
          if (mine.overlaps(theirs))
            findings_.push_back(
                {where, 1,
                 fmt::format("the host reaches {} through link `{}` of service `{}` already, not "
                             "through `{}`",
                             to_string(theirs), other.link, other.service, link.name),
                 "choose another subnet, or leave out `host` of one of the links"});
  }

  void uplink(const DesiredLink& link, SourcePlace where) {
    if (!link.request.uplink) return;
    const std::string& interface = link.request.uplink->interface;
    auto answer = host_.uplinks.find(link.name);
    if (answer != host_.uplinks.end() && !answer->second) {
      findings_.push_back({where, 1,
                           fmt::format("link `{}` cannot have the uplink `{}`: {}", link.name,
                                       interface, answer->second.error().message),
                           "`ip link` lists the host's interfaces"});
      return;
    }
    const bool shared = answer != host_.uplinks.end() && answer->second->shared;
    const std::string* owner = shared ? nullptr : owner_of(interface);
    if (owner != nullptr)
      findings_.push_back({where, 1,
                           fmt::format("`{}` is the uplink of {} already", interface, *owner),
                           "an interface joins one link; a bridge of the host can join several"});
    taken_.emplace(interface, fmt::format("link `{}`", link.name));
  }

 private:
  const std::string* owner_of(const std::string& interface) {
    for (const HostUse& other : host_.others)
      if (other.uplink && other.uplink->interface == interface)
        taken_.emplace(interface,
                       fmt::format("link `{}` of service `{}`", other.link, other.service));
    auto found = taken_.find(interface);
    return found == taken_.end() ? nullptr : &found->second;
  }

  const HostView& host_;
  std::vector<Finding>& findings_;
  std::map<std::string, std::string> taken_;  // interface -> by whom
};

}  // namespace

void check_host(const ServiceSpec& service, const Desired& desired, const HostView& host,
                std::vector<Finding>& findings) {
  Check check(host, findings);
  for (const DesiredLink& link : desired.links) {
    auto spec = std::ranges::find(service.links, link.name, &LinkSpec::name);
    if (spec == service.links.end()) continue;
    check.addresses(link, spec->place);
    check.uplink(link, spec->place);
  }
}

}  // namespace vireo
