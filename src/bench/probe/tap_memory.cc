// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/tap_memory.h"

#include <thread>

#include "bench/probe/process_memory.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto idle_time = 1300ms;

Result<double> available_at_rest() {
  std::this_thread::sleep_for(idle_time);
  return available_memory();
}

}  // namespace

Result<double> memory_of_taps(const OpenFabric& open_fabric, unsigned count, double tolerance) {
  const Fd near_ends = TRY(new_network_namespace()), far_ends = TRY(new_network_namespace());
  const TemporaryDirectory folder = TRY(TemporaryDirectory::make("vireo-bench-taps"));
  std::unique_ptr<Fabric> fabric = TRY(open_fabric(near_ends, far_ends, folder.path()));
  TRY(fabric->prepare(PortKind::tap, nullptr));  // pays for what all share
  const double before = TRY(available_at_rest());
  std::vector<PortId> taps(count);
  for (PortId& tap : taps) tap = TRY(fabric->prepare(PortKind::tap, nullptr));
  const double with = TRY(available_at_rest());
  for (const PortId& tap : taps) TRY(fabric->unplug(tap));
  fabric.reset();  // until they are gone
  const double rise = TRY(available_at_rest()) - with;
  return TRY(undisturbed_mean(before - with, rise, tolerance)) / count;
}

}  // namespace vireo::bench
