// SPDX-License-Identifier: Apache-2.0
// The driver of unikernels on a host without KVM: it says so, and starts nothing.
#include <gtest/gtest.h>

#include "driver/number_source.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"

namespace vireo {
namespace {

TEST(VmmDriver, says_what_is_missing_and_leaves_nothing) {
  if (exists("/dev/kvm")) GTEST_SKIP() << "this host has KVM: the contract suite judges there";
  auto directory = TemporaryDirectory::make("driver-vmm");
  ASSERT_TRUE(directory);
  LocalNumbers numbers;
  VmmOptions options{.ids = numbers};
  options.state_dir = directory->path() + "/state";
  options.runtime_dir = directory->path() + "/run";
  options.log_dir = directory->path() + "/logs";
  options.keeper_program = KEEPER_PROGRAM;
  options.vmm_program = VMM_PROGRAM;
  ASSERT_TRUE(make_directories(options.runtime_dir));
  auto driver = VmmDriver::open(options);
  ASSERT_TRUE(driver) << driver.error().message;
  HostSupport support = (*driver)->check_host();
  EXPECT_FALSE(support.possible);
  ASSERT_EQ(support.missing.size(), 1u);
  EXPECT_TRUE(support.missing.front().starts_with("there is no /dev/kvm"));
  auto shell = (*driver)->prepare({"unikernel.vireo.kvm", false});
  ASSERT_FALSE(shell);
  EXPECT_EQ(shell.error().code, Errc::unsupported);
  EXPECT_TRUE((*driver)->list()->empty());
}

}  // namespace
}  // namespace vireo
