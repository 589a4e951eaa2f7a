// SPDX-License-Identifier: Apache-2.0
// What this host can run: `vireo host`.
#include <fmt/format.h>

#include "api/api.h"
#include "api/views.h"
#include "host/profile.h"

namespace vireo {
namespace {

Json technology_json(const std::string& name, const HostSupport& support) {
  return Json()
      .set("name", name)
      .set("possible", support.possible)
      .set("how", support.how)
      .set("missing", json_of(support.missing))
      .set("advice", json_of(support.advice));
}

// Technologies that the draft knows and this version has no driver for.
Json absent_technologies(const HostProfile& profile, Json list) {
  std::string kvm = profile.kvm_device ? "/dev/kvm exists" : "no /dev/kvm";
  std::string xen = profile.xen_dom0 ? "this host is a Xen dom0" : "this host is not a Xen dom0";
  for (const char* name :
       {"unikernel.vireo.kvm", "tinyx.kvm", "standardvm.kvm", "unikernel.osv.kvm", "tinyx.xen",
        "standardvm.xen", "unikernel.minios.xen"}) {
    bool of_xen = std::string_view(name).ends_with(".xen");
    HostSupport none;
    none.missing = {fmt::format("this version has no driver for it ({})", of_xen ? xen : kvm)};
    list.push(technology_json(name, none));
  }
  return list;
}

Json facts_json(const HostProfile& profile) {
  return Json()
      .set("kernel", profile.kernel)
      .set("processor", profile.processor)
      .set("cpus", profile.cpus)
      .set("memory", profile.memory)
      .set("memory_available", profile.memory_available)
      .set("cgroup", profile.cgroup)
      .set("congestion_control", profile.congestion_control)
      .set("kvm_device", profile.kvm_device)
      .set("xen_dom0", profile.xen_dom0);
}

Json limits_json(const HostProfile& profile) {
  Json list = Json::array();
  for (const HostLimit& limit : profile.limits)
    list.push(Json()
                  .set("name", limit.name)
                  .set("value", limit.value)
                  .set("advised", limit.advised)
                  .set("enough", limit.enough())
                  .set("setting", limit.setting));
  return list;
}

}  // namespace

void Api::host(const ExchangePtr& exchange) {
  HostProfile profile = read_host_profile();
  Json technologies = Json::array();
  HostSupport fabric = parts_.fabric.check_host();
  for (Driver* driver : parts_.drivers) {
    HostSupport support = driver->check_host();
    support.possible = support.possible && fabric.possible;
    support.missing.insert(support.missing.end(), fabric.missing.begin(), fabric.missing.end());
    for (const std::string& name : driver->info().technologies)
      technologies.push(technology_json(name, support));
  }
  exchange->reply(json_response(Json()
                                    .set("technologies", absent_technologies(profile, technologies))
                                    .set("limits", limits_json(profile))
                                    .set("facts", facts_json(profile))));
}

}  // namespace vireo
