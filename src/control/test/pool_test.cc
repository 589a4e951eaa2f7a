// SPDX-License-Identifier: Apache-2.0
#include "control/pool/pool.h"

#include <gtest/gtest.h>

#include "control/commit_queue.h"
#include "control/test/fixture.h"

namespace vireo {
namespace {

class PoolTest : public testing::Test {
 protected:
  PoolTest() : driver(*FakeDriver::open(host)), fabric(network) {}
  Pool make(unsigned size, std::chrono::seconds calm = std::chrono::hours(1)) {
    return {fabric,
            clock,
            {{driver.get(), {"container", false}, PortKind::tap},
             {driver.get(), {"container", true}, {}}},
            {size, std::chrono::seconds(60), calm}};
  }
  // Of so many functions that run.
  std::vector<PortId> bind_taps(Pool& pool, int count) {
    EXPECT_TRUE(fabric.ensure_link({.id = "lan"}));
    std::vector<PortId> bound;
    for (int i = 0; i < count; i++) {
      Result<Pool::Taken> taken = pool.take(*driver, instance({PortKind::tap}));
      if (!taken) return bound;
      PortSpec port;
      port.id = bound.emplace_back("port-" + std::to_string(i));
      port.link = "lan";
      port.kind = PortKind::tap;
      EXPECT_TRUE(fabric.bind(taken->spares.front(), port, GateState::open));
      taken->spares.clear();
      pool.give_back(*driver, *std::move(taken));
    }
    pool.wait_full();
    return bound;
  }
  static InstanceSpec instance(std::vector<PortKind> ports, const std::string& program = "run") {
    InstanceSpec spec;
    spec.technology = "container";
    spec.image_digest = "sha256:of-" + program;
    spec.process.arguments = {program};
    if (ports.empty() || ports[0] != PortKind::veth) spec.function = FunctionStart{};
    for (PortKind kind : ports) {
      spec.ports.emplace_back();
      spec.ports.back().kind = kind;
    }
    return spec;
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
    Result<Pool::Taken> taken = pool.take(*driver, instance({PortKind::tap, PortKind::tap}));
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->pooled);
    EXPECT_FALSE(taken->loaded);
    EXPECT_EQ(taken->spares.size(), 2u);
    pool.wait_full();
    EXPECT_EQ(host->shells(), 8u);  // the taken one, and one with its program
    EXPECT_EQ(pool.metrics().at(0).hits, 1u);
    pool.give_back(*driver, *std::move(taken));
    EXPECT_EQ(host->shells(), 7u);  // destroyed, not put back
  }
  EXPECT_EQ(host->shells(), 0u);
  EXPECT_EQ(network->size(), 0u);
}

TEST_F(PoolTest, takes_back_what_the_fabric_can_use_again_up_to_twice_what_it_keeps) {
  Pool pool = make(1, std::chrono::hours(1));  // two taps, a veth
  const std::vector<PortId> bound = bind_taps(pool, 4);
  const size_t others = network->size() - 4 - 2;
  for (const PortId& port : bound) pool.put_back(PortKind::tap, port);
  EXPECT_EQ(network->size(), others + 4);
  pool.put_back(PortKind::tap, "unknown");
  EXPECT_EQ(network->size(), others + 4);
  for (const size_t left : {3u, 2u}) {  // none is made while there are more than are wanted
    Result<Pool::Taken> taken = pool.take(*driver, instance({PortKind::tap}));
    ASSERT_TRUE(taken);
    pool.give_back(*driver, *std::move(taken));
    pool.wait_full();
    EXPECT_EQ(network->size(), others + left);
  }
}

TEST_F(PoolTest, ports_that_are_not_wanted_go_when_nothing_is_started) {
  Pool pool = make(1, std::chrono::seconds(0));
  const std::vector<PortId> bound = bind_taps(pool, 2);
  const size_t others = network->size() - 2 - 2;
  for (const PortId& port : bound) pool.put_back(PortKind::tap, port);
  for (int i = 0; i < 2000 && network->size() != others + 2; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(network->size(), others + 2);
}

TEST_F(PoolTest, loads_the_programs_that_were_started_last) {
  Pool pool = make(2);
  for (const char* program : {"a", "b", "c", "b"}) {
    auto taken = pool.take(*driver, instance({PortKind::veth}, program));
    ASSERT_TRUE(taken);
    pool.give_back(*driver, *std::move(taken));
    pool.wait_full();
  }
  EXPECT_EQ(host->loaded(), 2u);
  EXPECT_EQ(pool.metrics().at(0).loaded, 2u);
  EXPECT_EQ(pool.metrics().at(0).missing, 0u);
  EXPECT_EQ(pool.metrics().at(0).loaded_hits, 1u);  // the second b
  for (const auto& [program, loaded] : {std::pair{"c", true}, {"b", true}, {"a", false}}) {
    auto taken = pool.take(*driver, instance({PortKind::veth}, program));
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->loaded, loaded) << program;
    EXPECT_TRUE(taken->pooled);
    InstanceSpec started = instance({PortKind::veth}, program);
    started.id = program;
    EXPECT_TRUE(driver->start(taken->shell.id, started, {}, nullptr)) << program;
  }
}

TEST_F(PoolTest, says_what_the_last_refill_made_as_a_whole) {
  Pool pool = make(8);
  pool.wait_full();
  for (const char* program : {"a", "b", "c"}) {
    auto taken = pool.take(*driver, instance({PortKind::veth}, program));
    ASSERT_TRUE(taken);
    pool.give_back(*driver, *std::move(taken));
  }
  pool.wait_full();
  EXPECT_EQ(host->loaded(), 3u);  // by several threads, each program once
  EXPECT_EQ(pool.metrics().at(0).refilled, 3u);
  EXPECT_GT(pool.metrics().at(0).refilled_in.count(), 0);
}

TEST_F(PoolTest, forgets_the_programs_of_a_removed_image) {
  Pool pool = make(1);
  auto taken = pool.take(*driver, instance({PortKind::veth}, "a"));
  ASSERT_TRUE(taken);
  pool.give_back(*driver, *std::move(taken));
  pool.wait_full();
  ASSERT_EQ(host->loaded(), 1u);
  const size_t ports = network->size();
  pool.forget("sha256:of-a");
  EXPECT_EQ(host->loaded(), 0u);
  EXPECT_EQ(network->size(), ports - 1);
  pool.wait_full();
  EXPECT_EQ(host->loaded(), 0u);
}

TEST_F(PoolTest, replaces_spares_that_ended) {
  Pool pool(fabric, clock, {{driver.get(), {"container", true}, {}}}, {1});
  auto taken = pool.take(*driver, instance({PortKind::veth}, "a"));
  ASSERT_TRUE(taken);
  pool.give_back(*driver, *std::move(taken));
  pool.wait_full();
  const size_t ports = network->size();
  std::vector<InstanceStatus> before = *driver->list();
  ASSERT_EQ(before.size(), 2u);  // one without and one with the program
  for (const InstanceStatus& spare : before) {
    host->crash(spare.id, {ExitKind::signal, 9});
    pool.lost(spare.id);
  }
  pool.wait_full();
  EXPECT_EQ(host->loaded(), 1u);
  EXPECT_EQ(network->size(), ports);
  std::vector<InstanceStatus> after = *driver->list();
  ASSERT_EQ(after.size(), 2u);
  for (const InstanceStatus& spare : after) EXPECT_EQ(spare.state, InstanceState::spare);
}

TEST_F(PoolTest, unloads_what_nothing_uses_any_more) {
  Pool pool(fabric, clock, {{driver.get(), {"container", true}, {}}}, {2, std::chrono::seconds(0)});
  for (const char* program : {"a", "b"}) {
    auto taken = pool.take(*driver, instance({PortKind::veth}, program));
    ASSERT_TRUE(taken);
    pool.give_back(*driver, *std::move(taken));
  }
  pool.wait_full();
  ASSERT_EQ(host->loaded(), 2u);
  pool.note_used([](const std::string& digest) { return digest == "sha256:of-b"; });
  EXPECT_EQ(host->loaded(), 1u);
  auto taken = pool.take(*driver, instance({PortKind::veth}, "b"));
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->loaded);
  pool.give_back(*driver, *std::move(taken));
}

TEST_F(PoolTest, a_program_that_cannot_be_loaded_is_started_without) {
  Pool pool = make(1);
  pool.wait_full();
  for (int i = 0; i < 2; i++) {
    auto taken = pool.take(*driver, instance({PortKind::veth}, "fail"));
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->pooled);
    EXPECT_FALSE(taken->loaded);
    pool.give_back(*driver, *std::move(taken));
    pool.wait_full();
    EXPECT_EQ(host->loaded(), 0u);
  }
}

TEST_F(PoolTest, of_size_zero_is_always_cold) {
  Pool pool = make(0);
  pool.wait_full();
  Result<Pool::Taken> taken = pool.take(*driver, instance({PortKind::veth, PortKind::veth}));
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
  network->fail_next("prepare", {Errc::exhausted, "no more"});
  size_t before = host->shells();
  Result<Pool::Taken> taken =
      pool.take(*driver, instance({PortKind::veth, PortKind::veth, PortKind::veth}));
  EXPECT_TRUE(!taken || taken->spares.size() == 3);
  if (!taken) {
    pool.wait_full();
    EXPECT_LE(host->shells(), before + 1);
  }
  EXPECT_TRUE(pool.take(*driver, instance({PortKind::veth})));
}

TEST(Control, uses_its_pool) {
  World world;
  world.start_daemon(2);
  ASSERT_EQ(world.run_settled(branch_office).state, OperationState::completed);
  world.daemon().wait_for_spares();
  PoolMetrics metrics = world.daemon().pools().at(0);
  EXPECT_EQ(metrics.hits + metrics.misses, 3u);
  EXPECT_EQ(metrics.ready, 4u);
  EXPECT_EQ(metrics.loaded, 2u);
  EXPECT_EQ(metrics.missing, 0u);
  uint64_t starts = 0;
  for (const auto& [tier, count] : metrics.starts) starts += count;
  EXPECT_EQ(starts, 3u);
  EXPECT_EQ(metrics.starts["cold"] + metrics.starts["pooled"], 3u);  // nothing was loaded ahead yet
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
