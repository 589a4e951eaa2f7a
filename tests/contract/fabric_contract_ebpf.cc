// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/ebpf_fabric.h"
#include "kernel_world.h"

namespace vireo {
namespace {

const auto make = KernelWorld<EbpfFabric>::make;

INSTANTIATE_TEST_SUITE_P(Fabric, FabricContract,
                         testing::Values(FabricCase{"ebpf_tap", PortKind::tap, make},
                                         FabricCase{"ebpf_packet", PortKind::packet, make}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vireo
