// SPDX-License-Identifier: Apache-2.0
#include "fabric/memory/memory_fabric.h"
#include "fabric_contract.h"

namespace vireo {
namespace {

class World final : public FabricWorld {
 public:
  std::unique_ptr<Fabric> open() override { return std::make_unique<MemoryFabric>(world_); }
  void pump() override { world_->pump(); }
  size_t left() override { return world_->size(); }

 private:
  std::shared_ptr<MemoryWorld> world_ = std::make_shared<MemoryWorld>();
};

INSTANTIATE_TEST_SUITE_P(Fabric, FabricContract,
                         testing::Values(FabricCase{"memory", PortKind::tap,
                                                    [] { return std::make_unique<World>(); }}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vireo
