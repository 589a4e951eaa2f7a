// SPDX-License-Identifier: Apache-2.0
#include "model/instance.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(SameProgram, limits_differ_but_not_a_machines_memory) {
  InstanceSpec one;
  one.technology = "container";
  InstanceSpec other = one;
  other.resources.memory = 8u << 20;
  other.resources.cpus = 2;
  EXPECT_TRUE(same_program(one, other));
  one.technology = other.technology = "unikernel.vireo.kvm";
  EXPECT_FALSE(same_program(one, other));
  one.resources.memory = other.resources.memory;
  EXPECT_TRUE(same_program(one, other));
}

}  // namespace
}  // namespace vireo
