// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/ebpf_fabric.h"
#include "fabric_contract.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {
namespace {

class World final : public FabricWorld {
 public:
  std::unique_ptr<Fabric> open() override {
    Result<std::unique_ptr<EbpfFabric>> made = EbpfFabric::open(
        {*fabric_.duplicate(), *ends_.duplicate(), *host_.duplicate(), directory_.path()});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return *std::move(made);
  }
  size_t left() override { return interfaces(fabric_) + interfaces(ends_) + interfaces(host_); }

 private:
  static size_t interfaces(const Fd& network_namespace) {
    return Netlink::open(&network_namespace)->links()->size() - 1;  // the loopback
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::make("fabric");
  Fd fabric_ = *new_network_namespace();
  Fd ends_ = *new_network_namespace();
  Fd host_ = *new_network_namespace();
};

std::unique_ptr<FabricWorld> make() { return std::make_unique<World>(); }

INSTANTIATE_TEST_SUITE_P(Fabric, FabricContract,
                         testing::Values(FabricCase{"ebpf_tap", PortKind::tap, make},
                                         FabricCase{"ebpf_packet", PortKind::packet, make}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vireo
