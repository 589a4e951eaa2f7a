// SPDX-License-Identifier: Apache-2.0
// The law of Pauser.
#include <poll.h>

#include "contract/driver_contract.h"

namespace vireo {

namespace {
constexpr int patience_ms = 20'000;
const InstanceId first = "default/s/f.1@1";
}  // namespace

uint64_t DriverContract::processor_time(const InstanceId& id) {
  auto usage = driver().usage(std::vector<InstanceId>{id});
  EXPECT_EQ(usage.size(), 1u);
  return usage.empty() ? 0 : usage[0].cpu_ns;
}

void DriverContract::wait_until_it_computes(const InstanceId& id) {
  const uint64_t before = processor_time(id);
  for (int waited = 0; waited < patience_ms; waited++) {
    if (processor_time(id) > before) return;
    ::poll(nullptr, 0, 1);
  }
  ADD_FAILURE() << id << " does not run";
}

void DriverContract::wait_until_it_rests(const InstanceId& id) {
  for (uint64_t before = 0, now = 1; before != now; now = processor_time(id)) {
    before = processor_time(id);
    ::poll(nullptr, 0, 100);
  }
}

TEST_P(DriverContract, a_paused_instance_takes_no_processor_time_until_it_is_resumed) {
  Pauser* pauser = driver().pauser();
  if (pauser == nullptr) GTEST_SKIP() << "not a power of this driver";
  run(bench_->spec(first, {"busy"}));
  wait_until_it_computes(first);
  for (int again = 0; again < 2; again++) {
    auto paused = pauser->pause(first);
    ASSERT_TRUE(paused) << paused.error().message;
  }
  EXPECT_TRUE(driver().pauser()->paused(first));
  EXPECT_EQ(all().at(0).state, InstanceState::running);
  const uint64_t used = processor_time(first);
  ::poll(nullptr, 0, 50);
  EXPECT_EQ(processor_time(first), used);
  for (int again = 0; again < 2; again++) ASSERT_TRUE(pauser->resume(first));
  EXPECT_FALSE(pauser->paused(first));
  wait_until_it_computes(first);
}

TEST_P(DriverContract, only_what_runs_is_paused) {
  Pauser* pauser = driver().pauser();
  if (pauser == nullptr) GTEST_SKIP() << "not a power of this driver";
  EXPECT_EQ(pauser->pause(first).error().code, Errc::not_found);
  EXPECT_EQ(pauser->resume(first).error().code, Errc::not_found);
  EXPECT_FALSE(pauser->paused(first));
  run(bench_->spec(first, {"exit:3"}));
  wait_for(first, DriverEvent::Kind::exited);
  EXPECT_EQ(pauser->pause(first).error().code, Errc::conflict);
  EXPECT_EQ(pauser->resume(first).error().code, Errc::conflict);
}

TEST_P(DriverContract, a_paused_instance_ends_as_any_other) {
  Pauser* pauser = driver().pauser();
  if (pauser == nullptr) GTEST_SKIP() << "not a power of this driver";
  for (const StopKind kind : {StopKind::ask, StopKind::kill}) {
    run(bench_->spec(first, {"sleep"}));
    wait_until_it_rests(first);  // its handler of the signal is set
    ASSERT_TRUE(pauser->pause(first));
    auto stopped = driver().stop(first, kind);
    EXPECT_TRUE(stopped) << stopped.error().message;
    const DriverEvent event = wait_for(first, DriverEvent::Kind::exited);
    EXPECT_EQ(event.exit.kind, kind == StopKind::ask ? ExitKind::code : ExitKind::killed);
    EXPECT_TRUE(driver().destroy(first));
  }
}

TEST_P(DriverContract, a_paused_instance_is_destroyed) {
  Pauser* pauser = driver().pauser();
  if (pauser == nullptr) GTEST_SKIP() << "not a power of this driver";
  run(bench_->spec(first, {"busy"}));
  ASSERT_TRUE(pauser->pause(first));
  EXPECT_TRUE(driver().destroy(first));
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, a_paused_instance_is_paused_for_a_later_driver_object) {
  if (driver().pauser() == nullptr) GTEST_SKIP() << "not a power of this driver";
  run(bench_->spec(first, {"busy"}));
  ASSERT_TRUE(driver().pauser()->pause(first));
  bench_->reopen();
  EXPECT_TRUE(driver().pauser()->paused(first));
  EXPECT_EQ(all().at(0).state, InstanceState::running);
  const uint64_t used = processor_time(first);
  ::poll(nullptr, 0, 50);
  EXPECT_EQ(processor_time(first), used);
  ASSERT_TRUE(driver().pauser()->resume(first));
  wait_until_it_computes(first);
}

}  // namespace vireo
