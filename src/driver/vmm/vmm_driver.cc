// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/vmm_driver.h"

#include <fmt/format.h>
#include <signal.h>

#include "base/log.h"
#include "driver/kept_driver_calls.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

template class KeptDriver<VirtualMachine>;

VmmDriver::VmmDriver(const VmmOptions& options)
    : KeptDriver({"vmm", {"unikernel.vireo.kvm"}, {PortKind::tap}},
                 {"vireo-vmm-", "vmm-", "virtual machine"}, options),
      quickest_(options.quickest) {}

VmmDriver::~VmmDriver() {
  rest();
  background_.reset();
  drop_zygote();
}

Result<std::unique_ptr<VmmDriver>> VmmDriver::open(const VmmOptions& options) {
  std::unique_ptr<VmmDriver> driver(new VmmDriver(options));
  TRY(driver->open_place(options));
  std::string program = TRY(read_file(options.vmm_program));
  driver->vmm_ = TRY(sealed_memory("vireo-vmm", program));
  driver->filters_ = TRY(vmm_filters());
  driver->kvm_ = open_kvm();
  driver->probe_ = probe_kvm(driver->kvm_);
  driver->network_ = TRY(new_network_namespace());
  TRY(driver->recover());
  if (driver->probe_.runs_user_mode())
    if (auto made = driver->zygote({}); !made) spdlog::warn("{}", made.error().message);
  return driver;
}

HostSupport VmmDriver::check_host() {
  HostSupport support;
  support.needs = {"KVM: /dev/kvm, readable and writable"};
  support.how = text_of(probe_) + ", one process a machine";
  if (!probe_.runs_user_mode()) support.missing.push_back(probe_.why);
  support.possible = support.missing.empty();
  return support;
}

Result<Fd> VmmDriver::network_namespace(const InstanceId& id) {
  return Error{Errc::unsupported, fmt::format("{} is a virtual machine: it has no namespace", id)};
}

Result<void> VmmDriver::stop(const InstanceId& id, StopKind kind) {
  auto found = find(id);
  if (!found) return {};
  VirtualMachine& machine = **found;
  auto link = keeper();
  {
    std::lock_guard lock(mutex_);
    if (machine.state == InstanceState::exited) return {};
    if (link && kind == StopKind::kill && !std::exchange(machine.record.killed, true))
      (void)link->hold(machine.entry, to_text(machine.record), {});
  }
  if (kind == StopKind::kill) return signal(machine, SIGKILL);
  TRY(signal(machine, SIGTERM));
  return signal(machine, SIGCONT);  // one that stands still does not see another
}

std::string VmmDriver::start_tier(const InstanceId& id) {
  auto found = find(id);
  return found ? std::string(to_text((*found)->tier)) : "";
}

// The guest's memory is what it was started with.
Result<void> VmmDriver::resize(const InstanceId& id, const Resources& resources) {
  Known known = TRY(find(id));
  if (resources.cpus == 0 && !known->cgroup.made()) return {};
  known->cgroup = TRY(groups_.create_limited(known->entry, {.cpus = resources.cpus}));
  return known->cgroup.join(known->pid);
}

}  // namespace vireo
