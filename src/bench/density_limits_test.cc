// SPDX-License-Identifier: Apache-2.0
#include "bench/density_limits.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

HostProfile large_host() {
  HostProfile host;
  host.memory_available = uint64_t{64} << 30;
  for (const char* name :
       {"processes", "threads", "open files", "user namespaces", "network namespaces"})
    host.limits.push_back({name, 1'000'000, 0, std::string("set ") + name});
  return host;
}

std::string refusal(const HostProfile& host, uint64_t count, uint64_t processes = 100) {
  auto checked = check_density("container", count, host, processes);
  return checked ? std::string() : checked.error().message;
}

TEST(DensityLimits, each_limit_is_named_with_its_value_and_setting) {
  ASSERT_EQ(refusal(large_host(), 8000), "");
  for (size_t i = 0; i < large_host().limits.size(); i++) {
    HostProfile host = large_host();
    host.limits[i].value = 4000;
    const std::string message = refusal(host, 8000);
    EXPECT_NE(message.find("limit of " + host.limits[i].name + " is 4000"), std::string::npos);
    EXPECT_NE(message.find(host.limits[i].setting), std::string::npos) << message;
  }
}

TEST(DensityLimits, what_runs_already_counts) {
  HostProfile host = large_host();
  host.limits[0].value = 10'000;
  EXPECT_EQ(refusal(host, 8000, 500), "");
  EXPECT_NE(refusal(host, 8000, 5000), "");
  host.limits[0].value = 10;  // less than runs: nothing goes, and no number turns over
  EXPECT_NE(refusal(host, 1, 5000).find("--count 0"), std::string::npos);
}

TEST(DensityLimits, the_count_that_is_named_is_one_that_goes) {
  HostProfile host = large_host();
  host.memory_available = uint64_t{2} << 30;
  const std::string message = refusal(host, 50'000);
  EXPECT_NE(message.find("MemAvailable is 2048 MiB"), std::string::npos) << message;
  const std::string word = "--count ";
  const uint64_t most = std::stoull(message.substr(message.find(word) + word.size()));
  EXPECT_GT(most, 0u);
  EXPECT_EQ(refusal(host, most), "");
  EXPECT_NE(refusal(host, most + 1), "");
}

TEST(DensityLimits, a_machine_needs_no_namespace_of_its_own) {
  HostProfile host = large_host();
  host.limits[4].value = 10;
  EXPECT_NE(refusal(host, 100), "");
  EXPECT_TRUE(check_density("unikernel.vireo.kvm", 100, host, 100));
}

}  // namespace
}  // namespace vireo::bench
