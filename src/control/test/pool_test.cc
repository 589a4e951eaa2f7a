// SPDX-License-Identifier: Apache-2.0
#include "control/pool.h"

#include <gtest/gtest.h>

#include "control/commit_queue.h"
#include "control/test/fixture.h"

namespace vireo {
namespace {

class PoolTest : public testing::Test {
 protected:
  PoolTest() : driver(*FakeDriver::open(host)), fabric(network) {}
  Pool make(unsigned size) {
    return {fabric,
            clock,
            {{driver.get(), {"container", false}, PortKind::tap},
             {driver.get(), {"container", true}, {}}},
            size};
  }
  std::shared_ptr<FakeHost> host = std::make_shared<FakeHost>();
  std::shared_ptr<MemoryWorld> network = std::make_shared<MemoryWorld>();
  std::unique_ptr<FakeDriver> driver;
  MemoryFabric fabric;
  SystemClock clock;
};

TEST_F(PoolTest, keeps_shells_and_ports_ready_and_destroys_them_at_its_end) {
  {
    Pool pool = make(3);
    pool.wait_full();
    EXPECT_EQ(host->shells(), 6u);
    EXPECT_EQ(network->size(),
              3u + 6u);  // a veth for each of three shells, two taps for each other
    PortKind taps[] = {PortKind::tap, PortKind::tap};
    Result<Pool::Taken> taken = pool.take(*driver, {"container", false}, taps);
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->pooled);
    EXPECT_EQ(taken->spares.size(), 2u);
    pool.wait_full();
    EXPECT_EQ(host->shells(), 7u);
    EXPECT_EQ(pool.metrics().at(0).hits, 1u);
    pool.give_back(*driver, *std::move(taken));
    EXPECT_EQ(host->shells(), 6u);  // destroyed, not put back
  }
  EXPECT_EQ(host->shells(), 0u);
  EXPECT_EQ(network->size(), 0u);
}

TEST_F(PoolTest, of_size_zero_is_always_cold) {
  Pool pool = make(0);
  pool.wait_full();
  PortKind veths[] = {PortKind::veth, PortKind::veth};
  Result<Pool::Taken> taken = pool.take(*driver, {"container", true}, veths);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->pooled);
  EXPECT_EQ(pool.metrics().at(0).misses, 1u);
  EXPECT_EQ(network->size(), 2u);
  pool.give_back(*driver, *std::move(taken));
  EXPECT_EQ(network->size(), 0u);
  EXPECT_EQ(host->shells(), 0u);
}

TEST_F(PoolTest, a_failing_fabric_neither_leaks_nor_spins) {
  network->fail_next("prepare", {Errc::exhausted, "no more"});
  Pool pool = make(1);
  pool.wait_full();
  PortKind veth[] = {PortKind::veth};
  network->fail_next("prepare", {Errc::exhausted, "no more"});
  PortKind three[] = {PortKind::veth, PortKind::veth, PortKind::veth};
  size_t before = host->shells();
  Result<Pool::Taken> taken = pool.take(*driver, {"container", true}, three);
  EXPECT_TRUE(!taken || taken->spares.size() == 3);
  if (!taken) {
    pool.wait_full();
    EXPECT_LE(host->shells(), before + 1);
  }
  EXPECT_TRUE(pool.take(*driver, {"container", true}, veth));
}

TEST(Control, uses_its_pool) {
  World world;
  world.start_daemon(2);
  ASSERT_EQ(world.run_settled(branch_office).state, OperationState::completed);
  PoolMetrics metrics = world.daemon().pools().at(0);
  EXPECT_EQ(metrics.hits + metrics.misses, 3u);
  EXPECT_EQ(metrics.wanted, 4u);
  world.crash_daemon();
  world.start_daemon(0);  // what was spare is gone: nobody knows which port is in which shell
  EXPECT_EQ(world.spares(), 0u);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.host->instances(), 3u);
}

TEST(Commits, happen_in_order_and_failures_are_told_by_ticket) {
  MemoryStore memory;
  FailingStore failing(memory);
  HeldStore store(failing);
  std::atomic<int> woken{0};
  CommitQueue queue(store, [&] { woken++; });
  store.hold();
  CommitQueue::Ticket first = queue.enqueue({{"a/local/default/x", "1", {}}});
  CommitQueue::Ticket second = queue.enqueue({{"a/local/default/x", "2", {}}});
  EXPECT_FALSE(queue.done(second));
  store.let_through();
  queue.wait();
  EXPECT_TRUE(queue.done(first));
  EXPECT_EQ(memory.get("a/local/default/x")->value, "2");
  failing.fail_call(1, {Errc::exhausted, "full"});
  CommitQueue::Ticket third = queue.enqueue({{"a/local/default/y", "3", {}}});
  queue.wait();
  EXPECT_EQ(queue.failure(third)->message, "full");
  EXPECT_FALSE(queue.failure(third).has_value());
  EXPECT_FALSE(queue.failure(first).has_value());
}

}  // namespace
}  // namespace vireo
