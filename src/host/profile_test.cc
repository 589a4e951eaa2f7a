// SPDX-License-Identifier: Apache-2.0
#include "host/profile.h"

#include <gtest/gtest.h>

#include "host/files.h"

namespace vireo {
namespace {

TEST(HostProfile, reads_this_host) {
  HostProfile profile = read_host_profile();
  EXPECT_FALSE(profile.kernel.empty());
  EXPECT_GT(profile.memory, 1u << 20);
  EXPECT_GE(profile.memory, profile.memory_available);
  EXPECT_NE(profile.cgroup, "none");
  for (const HostLimit& limit : profile.limits) EXPECT_FALSE(limit.setting.empty()) << limit.name;
}

TEST(HostProfile, reads_another_root) {
  auto directory = *TemporaryDirectory::make("vireo-profile");
  std::string proc = directory.path() + "/proc";
  ASSERT_TRUE(make_directories(proc + "/self"));
  ASSERT_TRUE(make_directories(proc + "/sys/kernel"));
  ASSERT_TRUE(replace_file(proc + "/meminfo", "MemTotal:  1024 kB\nMemAvailable: 512 kB\n"));
  ASSERT_TRUE(replace_file(proc + "/self/mounts", "x /sys/fs/cgroup cgroup2 rw 0 0\n"));
  ASSERT_TRUE(replace_file(proc + "/sys/kernel/pid_max", "100\n"));
  HostProfile profile = read_host_profile(directory.path());
  EXPECT_EQ(profile.memory, 1u << 20);
  EXPECT_EQ(profile.cgroup, "v2");
  EXPECT_FALSE(profile.kvm_device);
  EXPECT_EQ(profile.apparmor, "off");
  EXPECT_EQ(profile.limits.at(0).value, 100u);
  EXPECT_FALSE(profile.limits.at(0).enough());
}

TEST(HostProfile, says_what_apparmor_holds_it_to) {
  auto directory = *TemporaryDirectory::make("vireo-profile");
  const std::string module = directory.path() + "/sys/module/apparmor/parameters";
  const std::string attributes = directory.path() + "/proc/self/attr";
  ASSERT_TRUE(make_directories(module));
  ASSERT_TRUE(make_directories(attributes + "/apparmor"));
  ASSERT_TRUE(replace_file(module + "/enabled", "N\n"));
  ASSERT_TRUE(replace_file(attributes + "/current", "of another module\n"));
  EXPECT_EQ(read_host_profile(directory.path()).apparmor, "off");
  ASSERT_TRUE(replace_file(module + "/enabled", "Y\n"));
  ASSERT_TRUE(replace_file(attributes + "/apparmor/current", "vireod (enforce)\n"));
  EXPECT_EQ(read_host_profile(directory.path()).apparmor, "vireod (enforce)");
}

}  // namespace
}  // namespace vireo
