// SPDX-License-Identifier: Apache-2.0
// For tests that look at an instance from the inside: the probe program prints, they read.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "contract/container_bench.h"

namespace vireo {

class ContainerSafety : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string skip;
    bench_ = ContainerBench::make(skip);
    if (!bench_) GTEST_SKIP() << skip;
  }
  void TearDown() override {
    if (!bench_) return;
    auto listed = bench_->driver().list();
    ASSERT_TRUE(listed);
    for (const InstanceStatus& each : *listed) EXPECT_TRUE(bench_->driver().destroy(each.id));
    bench_->container().settle();
  }
  Result<void> start(const InstanceSpec& spec, std::vector<PortEndpoint> ports = {}) {
    Shell shell = TRY(bench_->driver().prepare({"container", true}));
    return bench_->driver().start(shell.id, spec, std::move(ports), nullptr);
  }
  // What the program printed, up to its line "done".
  std::string output_of(const InstanceId& id) {
    std::string all;
    for (int waited = 0; waited < 20'000; waited += 5) {
      all.clear();
      for (const std::string& path : bench_->container().log_paths(id))
        all += read_file(path).value_or("");
      if (all.find("F done") != std::string::npos) return all;
      ::poll(nullptr, 0, 5);
    }
    ADD_FAILURE() << "no end of the output: " << all;
    return all;
  }
  std::string run(const InstanceSpec& spec) {
    auto started = start(spec);
    EXPECT_TRUE(started) << started.error().message;
    return started ? output_of(spec.id) : std::string();
  }
  static bool holds(const std::string& all, std::string_view part) {
    return all.find(part) != std::string::npos;
  }

  std::unique_ptr<ContainerBench> bench_;
};
#define EXPECT_HOLDS(all, part) EXPECT_TRUE(holds(all, part)) << part << " in\n" << (all)

}  // namespace vireo
