// SPDX-License-Identifier: Apache-2.0
// A running function is exchanged: its state and traffic go to the next generation, and the record
// says what it cost.
#include "control/reconcile/handover.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/reconcile/rows.h"
#include "control/test/control_fixture.h"

namespace vireo {
namespace {

constexpr const char* first = "default/site/fw.1@1";
constexpr const char* second = "default/site/fw.1@2";

std::string site(const std::string& technology) {
  return "vireo: 1\nservice: site\nfunctions:\n  fw: { image: vnf/fw, technology: " + technology +
         " }\nlinks:\n  wan: { subnet: 10.10.0.0/24 }\n  lan: {}\nchain: [wan, fw, lan]\n";
}

class Handovers : public ControlTest {
 protected:
  size_t position(const std::string& step) const {
    return static_cast<size_t>(std::ranges::find(world.steps, step) - world.steps.begin());
  }
  size_t position_of(const std::string& part) const {
    auto found = std::ranges::find_if(
        world.steps, [&](const std::string& step) { return step.starts_with(part); });
    return static_cast<size_t>(found - world.steps.begin());
  }
  std::optional<Handover> handover() {
    const std::vector<Operation> operations = world.daemon().operations("site");
    for (const OperationStep& step : operations.front().steps)
      if (step.handover) return step.handover;
    return std::nullopt;
  }
  void count(const std::string& instance, uint64_t came, uint64_t missed, uint64_t refused) {
    PortCounters more;
    more.rx_packets = came;
    more.rx_dropped = missed;
    more.tx_dropped = refused;
    world.network->count(instance + ":port0", more);
  }
  // Stops where the traffic has just gone to the unikernel.
  void switch_half_way() {
    run(site("container"));
    ASSERT_TRUE(world.run(site("unikernel.vireo.kvm")));
    ASSERT_TRUE(world.run_until(std::string("promote ") + second));
  }
};

TEST_F(Handovers, state_goes_from_one_technology_to_the_other_and_back) {
  run(site("container"));
  world.host->set_state(first, "flows");
  run(site("unikernel.vireo.kvm"));
  EXPECT_EQ(world.machines->instances(), 1u);
  EXPECT_EQ(world.host->instances(), 0u);
  EXPECT_EQ(world.machines->state(second), "flows");
  run(site("container"));
  EXPECT_EQ(world.host->state("default/site/fw.1@3"), "flows");
}

TEST_F(Handovers, a_next_one_that_fails_says_why) {
  run(site("container"));
  Result<Control::Accepted> accepted = world.run(site("unikernel.vireo.kvm"));
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(world.run_until(std::string("start ") + second));
  world.probe.failure = "it cannot work with this configuration";
  world.machines->crash(second, {ExitKind::code, 1});
  ASSERT_TRUE(world.settle());
  const std::vector<Event> events = world.daemon().events_after(0);
  auto failed = std::ranges::find(events, "instance.failed", &Event::kind);
  ASSERT_NE(failed, events.end());
  EXPECT_EQ(failed->message, "exit code 1: it cannot work with this configuration");
}

TEST_F(Handovers, flows_that_begin_meanwhile_go_with_the_others) {
  run(site("container"));
  world.host->set_state(first, "flows");
  ASSERT_TRUE(world.run(site("unikernel.vireo.kvm")));
  ASSERT_TRUE(world.run_until(std::string("open ") + second + ":port0"));
  EXPECT_EQ(world.machines->state(second), "flows");
  world.host->set_state(first, "flows and one more");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.machines->state(second), "flows and one more");
}

TEST_F(Handovers, the_old_one_is_asked_to_stop_once_it_has_sent_what_it_had) {
  run(site("container"));
  world.steps.clear();
  run(site("unikernel.vireo.kvm"));
  EXPECT_LT(position(std::string("promote ") + second), position(std::string("drain ") + first));
  EXPECT_LT(position(std::string("drain ") + first), position(std::string("silence ") + first));
  EXPECT_LT(position(std::string("silence ") + first), position(std::string("stop ") + first));
  EXPECT_EQ(world.picture().find("blocked"), std::string::npos) << world.picture();
}

TEST_F(Handovers, nothing_lost_is_recorded_as_that) {
  run(site("container"));
  EXPECT_FALSE(handover().has_value());
  run(site("unikernel.vireo.kvm"));
  ASSERT_TRUE(handover().has_value());
  EXPECT_EQ(handover()->lost, 0u);
  EXPECT_EQ(handover()->gap.count(), 0);  // the clock stands
}

TEST_F(Handovers, what_was_refused_or_never_read_is_recorded) {
  switch_half_way();
  count(first, 3, 0, 2);
  count(second, 0, 4, 8);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(handover().has_value());
  EXPECT_EQ(handover()->lost, 3u + 2u + 4u + 8u);
}

TEST_F(Handovers, frames_for_all_that_the_next_one_did_not_take_yet_are_not_lost) {
  run(site("container"));
  ASSERT_TRUE(world.run(site("unikernel.vireo.kvm")));
  ASSERT_TRUE(world.run_until(std::string("open ") + second + ":port0"));
  count(second, 0, 4, 0);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(handover()->lost, 0u);
}

TEST_F(Handovers, the_rest_of_its_queue_is_waited_for) {
  switch_half_way();
  count(first, 3, 0, 0);
  ASSERT_TRUE(world.run_until(std::string("drain ") + first));
  world.probe.read = 1;
  ASSERT_TRUE(world.run_until(std::string("drain ") + first));
  world.probe.read = 3;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(handover()->lost, 0u);
}

TEST_F(Handovers, one_that_never_answers_is_not_waited_for) {
  switch_half_way();
  world.host->hold_states(true);
  for (int i = 0; i < 10; i++) {
    world.daemon().handle_events();
    while (world.daemon().work()) {
    }
  }
  EXPECT_FALSE(stepped(std::string("silence ") + first));
  world.clock.advance(std::chrono::seconds(1));
  world.daemon().tick();
  while (world.daemon().work()) {
  }
  EXPECT_TRUE(stepped(std::string("silence ") + first));
  world.host->hold_states(false);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.host->instances(), 0u);
}

TEST_F(Handovers, one_that_dies_meanwhile_leaves_a_record) {
  switch_half_way();
  world.host->crash(first, {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(handover().has_value());
  EXPECT_EQ(world.function("site", "fw").instance, second);
  EXPECT_EQ(world.function("site", "fw").restarts, 0u);
}

TEST_F(Handovers, what_a_failed_replacement_had_taken_goes_back) {
  run(site("container"));
  ASSERT_TRUE(world.run(site("unikernel.vireo.kvm")));
  ASSERT_TRUE(world.run_until(std::string("open ") + second + ":port0"));
  world.machines->crash(second, {ExitKind::signal, 9});
  world.machines->fail_starts(100);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("site", "fw").instance, first);
  EXPECT_EQ(world.picture().find("blocked"), std::string::npos) << world.picture();
  EXPECT_FALSE(handover().has_value());
}

TEST_F(Handovers, a_daemon_that_ends_half_way_leaves_ports_to_the_next) {
  for (const char* step : {"open default/site/fw.1@2:port0", "promote default/site/fw.1@2"}) {
    run(site("container"));
    ASSERT_TRUE(world.run(site("unikernel.vireo.kvm")));
    ASSERT_TRUE(world.run_until(step)) << step;
    world.crash_daemon();
    world.steps.clear();
    world.start_daemon();
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.host->instances() + world.machines->instances(), 1u) << step;
    EXPECT_EQ(world.picture().find("blocked"), std::string::npos) << step << world.picture();
    // Whichever stays: the other one's ports are closed before it is asked.
    EXPECT_LT(position_of("block default/site/fw"), position_of("stop default/site/fw")) << step;
    ASSERT_TRUE(world.daemon().remove("site"));
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.picture(), "");
    world.stop_daemon();
    world.start_daemon();
    world.steps.clear();
  }
}

TEST_F(Handovers, the_record_outlives_the_daemon) {
  run(site("container"));
  run(site("unikernel.vireo.kvm"));
  Operation operation = world.daemon().operations("site").front();
  Result<Operation> read = operation_from_json(to_json(operation));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->steps.size(), operation.steps.size());
  for (size_t i = 0; i < read->steps.size(); i++)
    EXPECT_EQ(read->steps[i].handover.has_value(), operation.steps[i].handover.has_value());
  OperationStep uncounted;
  uncounted.handover = Handover{std::chrono::nanoseconds(5), {}};
  operation.steps = {uncounted};
  read = operation_from_json(to_json(operation));
  ASSERT_TRUE(read && read->steps.at(0).handover);
  EXPECT_EQ(read->steps[0].handover->gap.count(), 5);
  EXPECT_FALSE(read->steps[0].handover->lost.has_value());
}

TEST(TrafficCounts, an_overflow_of_long_ago_is_no_loss_and_a_lie_does_no_harm) {
  EXPECT_EQ(lost_between({1, 0, 100, 90}, {1, 0, 120, 110}), 0u);
  EXPECT_EQ(lost_between({1, 0, 100, 90}, {4, 2, 120, 105}), 10u);
  EXPECT_EQ(lost_between({1, 0, 100, 90}, {1, 0, 120, ~0ull}), 0u);
  EXPECT_EQ(lost_between({5, 5, 0, 0}, {1, 1, 0, 0}), 0u);
}

}  // namespace
}  // namespace vireo
