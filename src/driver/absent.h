// SPDX-License-Identifier: Apache-2.0
// What is to be said of a technology that no driver of this version runs.
#pragma once
#include "driver/driver.h"
#include "host/profile.h"
#include "model/technology.h"

namespace vireo {

inline HostSupport absent_support(const Technology& technology, const HostProfile& host) {
  HostSupport support;
  support.needs = {std::string(technology.needs)};
  if (technology.name.ends_with(".xen") && !host.xen_dom0)
    support.missing.emplace_back("this host is not a Xen dom0 (no /dev/xen/privcmd)");
  if (technology.name.ends_with(".kvm") && !host.kvm_device)
    support.missing.emplace_back("there is no /dev/kvm");
  support.missing.emplace_back("this version of Vireo has no driver for it");
  return support;
}

}  // namespace vireo
