// SPDX-License-Identifier: Apache-2.0
// A daemon in a world of fakes, for tests that run one descriptor after the other.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>

#include "control/test/fixture.h"

namespace vireo {

class ControlTest : public testing::Test {
 protected:
  ControlTest() { world.start_daemon(); }
  void run(const std::string& descriptor) {
    Operation operation = world.run_settled(descriptor);
    ASSERT_EQ(operation.state, OperationState::completed)
        << (operation.error ? operation.error->message : "no error");
  }
  bool stepped(const std::string& part) const {
    return std::ranges::any_of(
        world.steps, [&](const std::string& step) { return step.find(part) != std::string::npos; });
  }
  World world;
};

}  // namespace vireo
