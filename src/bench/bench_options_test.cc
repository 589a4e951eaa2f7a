// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_options.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

TEST(BenchOptions, everything_is_measured_when_nothing_is_named) {
  auto options = parse_bench_options({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->metrics.size(), 6u);
  EXPECT_TRUE(options->wants_peer("docker") && options->wants_peer("bare_veth"));
  EXPECT_TRUE(options->wants_technology("tinyx.kvm"));
}

TEST(BenchOptions, technologies_and_peers_are_chosen) {
  auto options = parse_bench_options(
      {"heal", "--technology", "container", "--peers=none", "--runs", "7", "--output=yaml"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->wants("heal") && !options->wants("throughput"));
  EXPECT_TRUE(options->wants_technology("container") && !options->wants_technology("tinyx.kvm"));
  EXPECT_FALSE(options->wants_peer("docker"));
  EXPECT_EQ(options->runs, 7u);
  EXPECT_EQ(options->output, "yaml");
}

TEST(BenchOptions, limits_are_measured_only_when_they_are_named) {
  EXPECT_FALSE(parse_bench_options({})->wants("density"));
  auto options = parse_bench_options(
      {"density", "--technology", "container,unikernel.vireo.kvm", "--count=50", "--length", "4"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->metrics, std::vector<std::string>{"density"});
  EXPECT_TRUE(is_limit_metric("density") && !is_limit_metric("heal"));
  EXPECT_TRUE(is_limit_metric("churn") && is_limit_metric("refill"));
  EXPECT_EQ(options->technologies, (std::vector<std::string>{"container", "unikernel.vireo.kvm"}));
  EXPECT_EQ(options->count, 50u);
  EXPECT_EQ(options->length, 4u);
}

TEST(BenchOptions, what_is_not_known_is_an_error_with_the_nearest_known) {
  auto message = [](const std::vector<std::string>& words) {
    auto options = parse_bench_options(words);
    return options ? std::string() : options.error().message;
  };
  EXPECT_EQ(message({"troughput"}), "unknown measurement `troughput`; did you mean `throughput`?");
  EXPECT_EQ(message({"--peers", "dockr"}), "unknown peer `dockr`; did you mean `docker`?");
  EXPECT_EQ(message({"--technology", "contaner"}),
            "unknown technology `contaner`; did you mean `container`?");
  EXPECT_EQ(message({"--technology", "container,tinyx.kwm"}),
            "unknown technology `tinyx.kwm`; did you mean `tinyx.kvm`?");
  EXPECT_EQ(message({"--count", "0"}), "--count takes 1 to 1000000");
  EXPECT_EQ(message({"--length", "65"}), "--length takes 1 to 64");
  EXPECT_EQ(message({"--runs", "0"}), "--runs takes 1 to 100000");
  EXPECT_EQ(message({"--output", "xml"}), "--output takes table, json or yaml");
  EXPECT_EQ(message({"--report"}), "`--report` lacks its value");
}

}  // namespace
}  // namespace vireo::bench
