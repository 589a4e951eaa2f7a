// SPDX-License-Identifier: Apache-2.0
#include "vnf/rate_limiter/rate_limiter.h"

#include <gtest/gtest.h>

#include "vnf/testing.h"

namespace vireo::vnf {
namespace {

using testing::Build;

class RateLimiterTest : public ::testing::Test {
 protected:
  void start() {
    bench_ = std::make_unique<testing::FunctionBench<RateLimiter>>(testing::identity_of({{}, {}}));
    ASSERT_TRUE(bench_->configure(config_)) << testing::last_failure();
  }
  // How many of so many packets of 1,000 bytes pass at once.
  int passing(int count, uint8_t in = 0, uint16_t source_port = 40000) {
    Build build;
    build.source_port = source_port;
    build.payload = testing::Bytes(1000 - ethernet_bytes - ipv4_bytes - udp_bytes, 0x5a);
    int passed = 0;
    for (int i = 0; i < count; i++)
      passed += bench_->process_one(testing::frame_of(build), in).sent();
    return passed;
  }
  void advance(uint64_t ms) { bench_->now_ns += ms * 1'000'000; }
  uint64_t counter(RateLimiterCounter name) {
    return bench_->vitals().counters[static_cast<uint32_t>(name)];
  }
  static RateLimiterConfig config_of() {
    RateLimiterConfig config{};
    config.burst = config.flow_burst = 65536;
    config.table_size = 16;
    config.idle = 30'000;
    return config;
  }
  RateLimiterConfig config_ = config_of();
  std::unique_ptr<testing::FunctionBench<RateLimiter>> bench_;
};

TEST_F(RateLimiterTest, without_a_rate_all_pass) {
  start();
  EXPECT_EQ(passing(500), 500);
}

TEST_F(RateLimiterTest, a_burst_passes_then_the_rate) {
  config_.rate = 8'000'000;  // a packet each millisecond
  start();
  EXPECT_EQ(passing(100), 65);
  EXPECT_EQ(passing(10), 0);
  advance(20);
  EXPECT_EQ(passing(100), 20);
  advance(3'600'000);
  EXPECT_EQ(passing(100), 65) << "a bucket holds no more than a burst";
  EXPECT_EQ(counter(RateLimiterCounter::over_rate), 35u + 10 + 80 + 35);
}

TEST_F(RateLimiterTest, directions_have_rates_of_their_own) {
  config_.rate = 8'000'000;
  start();
  EXPECT_EQ(passing(100, 0), 65);
  EXPECT_EQ(passing(100, 1), 65);
  config_.from = 2;
  start();
  EXPECT_EQ(passing(100, 0), 100);
  EXPECT_EQ(passing(100, 1), 65);
}

TEST_F(RateLimiterTest, a_flow_that_sends_too_much_takes_nothing_from_others) {
  config_.rate = 80'000'000;
  config_.burst = 100'000;
  config_.flow_rate = 8'000'000;
  start();
  EXPECT_EQ(passing(500, 0, 1), 65);
  EXPECT_EQ(passing(30, 0, 2), 30);
  EXPECT_EQ(passing(30, 0, 3), 5) << "the total's bucket is empty";
  EXPECT_EQ(bench_->vitals().flows, 3u);
  EXPECT_EQ(counter(RateLimiterCounter::over_flow_rate), 435u);
  EXPECT_EQ(counter(RateLimiterCounter::over_rate), 25u);
}

TEST_F(RateLimiterTest, flows_beyond_the_table_share_one_rate_and_idle_ones_go) {
  config_.flow_rate = 8'000'000;
  start();
  for (uint16_t port = 1; port <= 16; port++) EXPECT_EQ(passing(1, 0, port), 1);
  EXPECT_EQ(passing(100, 0, 100) + passing(100, 0, 101), 65);
  EXPECT_EQ(counter(RateLimiterCounter::table_full), 200u);
  advance(31'000);
  bench_->function().tick(bench_->now_ns);
  EXPECT_EQ(bench_->vitals().flows, 0u);
  EXPECT_EQ(passing(100, 0, 100), 65);
  EXPECT_EQ(bench_->vitals().flows, 1u);
}

TEST_F(RateLimiterTest, what_is_not_ip_passes) {
  config_.rate = 1;
  start();
  EXPECT_TRUE(
      bench_->process_one(testing::Frame(testing::arp_request("10.0.0.1", "10.0.0.2"))).sent());
  EXPECT_EQ(counter(RateLimiterCounter::not_ip), 1u);
  EXPECT_FALSE(bench_->process_one(testing::Frame(testing::Bytes(9))).sent());
}

// Extreme figures neither overflow nor divide by zero.
TEST(TokenBucket, keeps_the_rate_over_twelve_decades) {
  for (uint64_t rate :
       {uint64_t{1}, uint64_t{1000}, uint64_t{10'000'000'000}, uint64_t{1'000'000'000'000}}) {
    TokenBucket bucket{};
    uint64_t now = 1;
    EXPECT_TRUE(bucket.take(65536, rate, 0xffffffff, now)) << rate;
    while (bucket.take(0xffffffff, rate, 0xffffffff, now)) now++;
    EXPECT_LT(now, 100u) << rate;
  }
}

}  // namespace
}  // namespace vireo::vnf
