// SPDX-License-Identifier: Apache-2.0
// What this host can run: `vireo host`.
#include <algorithm>
#include <iterator>
#include <map>

#include "api/api.h"
#include "api/views.h"
#include "host/profile.h"
#include "model/technology.h"

namespace vireo {
namespace {

Json technology_json(std::string_view name, const HostSupport& support) {
  return Json()
      .set("name", name)
      .set("possible", support.possible)
      .set("how", support.how)
      .set("needs", json_of(support.needs))
      .set("missing", json_of(support.missing))
      .set("advice", json_of(support.advice));
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
      .set("apparmor", profile.apparmor)
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
  HostSupport fabric = parts_.fabric.check_host();
  std::map<std::string_view, HostSupport> offered;
  for (Driver* driver : parts_.drivers) {
    HostSupport support = driver->check_host();
    support.possible = support.possible && fabric.possible;
    std::ranges::copy(fabric.needs, std::back_inserter(support.needs));
    std::ranges::copy(fabric.missing, std::back_inserter(support.missing));
    std::ranges::copy(fabric.advice, std::back_inserter(support.advice));
    for (const std::string& name : driver->info().technologies) offered.emplace(name, support);
  }
  Json list = Json::array();
  for (const Technology& technology : technologies) {
    auto found = offered.find(technology.name);
    list.push(technology_json(technology.name, found == offered.end()
                                                   ? parts_.control.absent(technology.name)
                                                   : found->second));
  }
  exchange->reply(json_response(
      Json()
          .set("technologies", list)
          .set("limits", limits_json(profile))
          .set("facts", facts_json(profile).set("fabric", parts_.fabric.info().name))));
}

}  // namespace vireo
