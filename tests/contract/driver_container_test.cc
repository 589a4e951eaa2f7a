// SPDX-License-Identifier: Apache-2.0
#include "contract/container_bench.h"

namespace vireo {
namespace {

INSTANTIATE_TEST_SUITE_P(Driver, DriverContract,
                         ::testing::Values(DriverBenchFactory{
                             "container",
                             [](std::string& skip) { return ContainerBench::make(skip); }}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace vireo
