// SPDX-License-Identifier: Apache-2.0
// The unikernel of the VMM driver's test image: it drops every frame, ends at once, or computes for
// ever.
#include "contract/unikernel_probe.h"

#include "unikernel/control.h"
#include "unikernel/run.h"

namespace vireo {

[[gnu::section(".data")]] constinit volatile ProbeMode probe_mode = probe_serves;

class Probe {
 public:
  struct Config {};
  static constexpr vnf::FunctionTable table = {.name = "probe",
                                               .summary = "drops every frame, or ends at once",
                                               .role = vnf::Role::endpoint,
                                               .ports = vnf::Ports::packet,
                                               .fewest_ports = 0,
                                               .most_ports = vnf::max_ports};
  bool configure(const vnf::Context&, const Config&) {
    if (probe_mode.exit_code >= 0) unikernel::end(static_cast<uint32_t>(probe_mode.exit_code));
    while (probe_mode.busy) {
    }
    return true;
  }
  void process(vnf::Batch&) {}
  void tick(uint64_t) {}
};

}  // namespace vireo

extern "C" void machine_start(const vireo::machine::BootPage* page) {
  static constexpr auto entry = vireo::vnf::entry_of<vireo::Probe>();
  vireo::unikernel::run(page, entry);
}
