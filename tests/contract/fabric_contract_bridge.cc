// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/bridge_fabric.h"
#include "kernel_world.h"

namespace vireo {
namespace {

const auto make = KernelWorld<BridgeFabric>::make;

INSTANTIATE_TEST_SUITE_P(Fabric, FabricContract,
                         testing::Values(FabricCase{"bridge_tap", PortKind::tap, make},
                                         FabricCase{"bridge_packet", PortKind::packet, make}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vireo
