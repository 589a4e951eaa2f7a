// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "control/test/control_fixture.h"

namespace vireo {
namespace {

class Reconcile : public ControlTest {
 protected:
  size_t position(const std::string& part) const {
    auto found = std::ranges::find_if(
        world.steps, [&](const std::string& step) { return step.find(part) != std::string::npos; });
    return static_cast<size_t>(found - world.steps.begin());
  }
};

TEST_F(Reconcile, run_starts_links_functions_and_opens_ports) {
  run(branch_office);
  EXPECT_EQ(world.daemon().service("office")->state, "running");
  EXPECT_EQ(world.host->instances(), 3u);
  EXPECT_EQ(world.picture().find("blocked"), std::string::npos) << world.picture();
  EXPECT_EQ(world.spares(), 0u);
  std::vector<Phase> phases = world.function("office", "nat").phases;
  EXPECT_TRUE(std::ranges::any_of(phases, [](const Phase& p) { return p.name == "ports"; }));
  EXPECT_EQ(phases.at(0).name, "plan");
}

TEST_F(Reconcile, run_twice_changes_nothing) {
  run(branch_office);
  std::string before = world.picture();
  world.steps.clear();
  EXPECT_TRUE(world.daemon().plan({branch_office, "t", {}}).changes.empty());
  run(branch_office);
  EXPECT_EQ(world.steps, std::vector<std::string>{"commit office"});
  EXPECT_EQ(world.picture(), before);
}

TEST_F(Reconcile, rm_leaves_nothing) {
  run(branch_office);
  std::string operation = *world.daemon().remove("office");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.daemon().operation(operation)->state, OperationState::completed);
  EXPECT_EQ(world.picture(), "");
  EXPECT_EQ(world.host->instances(), 0u);
  EXPECT_EQ(world.network->size(), 0u);
  EXPECT_FALSE(world.daemon().service("office"));
}

TEST_F(Reconcile, rm_blocks_gates_before_it_asks) {
  run(branch_office);
  world.steps.clear();
  ASSERT_TRUE(world.daemon().remove("office"));
  ASSERT_TRUE(world.settle());
  EXPECT_LT(position("block default/office/fw"), position("stop default/office/fw"));
  EXPECT_LT(position("destroy default/office/fw"), position("remove link"));
}

TEST_F(Reconcile, an_edit_changes_what_differs_and_nothing_else) {
  run(branch_office);
  world.steps.clear();
  size_t starts = world.host->starts();
  run(edited_office);
  EXPECT_EQ(world.host->starts(), starts + 3);  // fw and web replaced, dns new
  EXPECT_TRUE(stepped("resize default/office/nat.1@1"));
  EXPECT_FALSE(stepped("stop default/office/nat"));
  EXPECT_TRUE(stepped("ask state default/office/fw.1@1"));
  EXPECT_LT(position("open default/office/fw.1@2"), position("stop default/office/fw.1@1"));
  EXPECT_LT(position("stop default/office/web.1@1"), position("start default/office/web.1@2"));
}

TEST_F(Reconcile, a_replacement_keeps_macs_and_addresses) {
  run(branch_office);
  std::vector<PortSpec> before = world.function("office", "web").ports;
  run(edited_office);
  std::vector<PortSpec> after = world.function("office", "web").ports;
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].mac, before[0].mac);
  EXPECT_EQ(after[0].addresses, before[0].addresses);
  EXPECT_NE(after[0].id, before[0].id);
}

TEST_F(Reconcile, a_new_neighbour_is_told_without_a_restart) {
  run(small_office);
  world.steps.clear();
  run(R"(vireo: 1
service: office
functions:
  web: { image: web, ports: [wan] }
  two: { image: web, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)");
  EXPECT_TRUE(stepped("update default/office/web.1@1:port0"));
  EXPECT_FALSE(stepped("stop"));
  EXPECT_EQ(world.function("office", "web").ports[0].neighbours.size(), 1u);
}

TEST_F(Reconcile, a_killed_function_heals_at_once_then_backs_off) {
  run(branch_office);
  MacAddress mac = world.function("office", "nat").ports[0].mac;
  world.host->crash("default/office/nat.1@1", {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  FunctionStatus healed = world.function("office", "nat");
  EXPECT_EQ(healed.instance, "default/office/nat.1@2");
  EXPECT_EQ(healed.state, "running");
  EXPECT_EQ(healed.restarts, 1u);
  EXPECT_TRUE(healed.healed_in.has_value());
  EXPECT_EQ(healed.ports[0].mac, mac);
  EXPECT_EQ(world.daemon().operations("office").front().verb, "heal");

  world.host->crash("default/office/nat.1@2", {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "nat").state, "backing-off");
  world.clock.advance(std::chrono::milliseconds(98));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "nat").state, "backing-off");
  world.clock.advance(std::chrono::milliseconds(2));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "nat").instance, "default/office/nat.1@3");

  world.host->crash("default/office/nat.1@3", {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  world.clock.advance(std::chrono::milliseconds(198));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "nat").state, "backing-off");

  world.clock.advance(std::chrono::seconds(60));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  world.clock.advance(std::chrono::seconds(60));
  world.host->crash("default/office/nat.1@4", {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "nat").state, "running");  // long ago: at once again
}

TEST_F(Reconcile, healing_swaps_the_port_of_the_dead_one) {
  run(branch_office);
  world.steps.clear();
  world.host->crash("default/office/nat.1@1", {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  EXPECT_LT(position("open default/office/nat.1@2:port1"),
            position("unplug default/office/nat.1@1:port0"));
  EXPECT_FALSE(stepped("web"));
}

TEST_F(Reconcile, a_function_that_may_end_is_not_restarted) {
  run(R"(vireo: 1
service: job
functions:
  once: { image: web, command: [job], restart: never, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)");
  world.host->crash("default/job/once.1@1", {ExitKind::code, 3});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("job", "once").state, "exited");
  EXPECT_EQ(world.function("job", "once").reason, "exit code 3");
  ASSERT_TRUE(world.daemon().change("job", "once", Control::Verb::start));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("job", "once").state, "running");
}

TEST_F(Reconcile, a_function_that_ends_by_itself_says_why) {
  run(branch_office);
  auto said_of = [&](const InstanceId& id, ExitReason exit) {
    world.host->crash(id, exit);
    EXPECT_TRUE(world.settle());
    const std::vector<Event> events = world.daemon().events_after(0);
    return std::ranges::find(events.rbegin(), events.rend(), "instance.exited", &Event::kind)
        ->message;
  };
  world.probe.failure = "fault in f+0x8";
  EXPECT_EQ(said_of("default/office/nat.1@1", {ExitKind::code, 1}), "exit code 1: fault in f+0x8");
  EXPECT_EQ(said_of("default/office/nat.1@2", {ExitKind::code, 1}), "exit code 1: fault in f+0x8");
  EXPECT_EQ(world.function("office", "nat").reason, "exit code 1: fault in f+0x8");
  ASSERT_TRUE(world.run(branch_office));
  EXPECT_EQ(world.function("office", "nat").reason, "") << "it starts anew, with another wish";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(said_of("default/office/web.1@1", {ExitKind::code, 1}), "exit code 1") << "foreign";
  const std::string rest(sizeof vnf::Vitals{}.reason - 2, 'x');
  world.probe.failure = "\x1b\xff" + rest + "beyond the page's room";
  EXPECT_EQ(said_of("default/office/fw.1@1", {ExitKind::code, 7}), "exit code 7: ??" + rest);
}

TEST_F(Reconcile, of_a_killed_function_no_page_is_read) {
  run(branch_office);
  world.probe.failure = "never seen";
  for (ExitReason exit : {ExitReason{ExitKind::signal, 9}, ExitReason{ExitKind::out_of_memory, 9},
                          ExitReason{ExitKind::code, 0}})
    for (const char* name : {"fw", "nat"}) {
      const InstanceId id = world.function("office", name).instance;
      if (!id.empty()) world.host->crash(id, exit);
      ASSERT_TRUE(world.settle());
    }
  EXPECT_EQ(world.probe.heartbeat, 0u);
  EXPECT_EQ(world.function("office", "nat").reason.find("never seen"), std::string::npos);
}

TEST_F(Reconcile, stop_start_and_restart) {
  run(branch_office);
  ASSERT_TRUE(world.daemon().change("office", "web", Control::Verb::stop));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "web").state, "stopped");
  EXPECT_EQ(world.host->instances(), 2u);
  EXPECT_EQ(world.daemon().plan({branch_office, "t", {}}).changes.size(), 1u);
  ASSERT_TRUE(world.daemon().change("office", "", Control::Verb::start));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "web").instance, "default/office/web.1@2");
  std::string restart = *world.daemon().change("office", "", Control::Verb::restart);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.daemon().operation(restart)->state, OperationState::completed);
  EXPECT_EQ(world.function("office", "web").instance, "default/office/web.1@3");
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@2");
  EXPECT_EQ(world.host->instances(), 3u);
}

TEST_F(Reconcile, a_stubborn_function_is_killed_after_its_grace) {
  run(R"(vireo: 1
service: deaf
functions:
  one: { image: web, command: [x, stubborn], ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)");
  ASSERT_TRUE(world.daemon().remove("deaf"));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.host->instances(), 1u);
  world.clock.advance(std::chrono::seconds(10));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.picture(), "");
}

TEST_F(Reconcile, a_first_run_that_fails_is_rolled_back_to_nothing) {
  world.host->fail_starts(1);
  Operation operation = world.run_settled(branch_office);
  EXPECT_EQ(operation.state, OperationState::rolled_back);
  ASSERT_TRUE(operation.error.has_value());
  const std::string& why = operation.error->message;
  EXPECT_TRUE(why.starts_with("office/") && why.ends_with(": told to fail")) << why;
  EXPECT_EQ(why.find("start "), why.rfind("start ")) << "said twice: " << why;
  EXPECT_EQ(world.picture(), "");
  EXPECT_EQ(world.spares(), 0u);
}

TEST_F(Reconcile, an_edit_that_fails_is_rolled_back_to_what_was) {
  run(branch_office);
  std::string before = world.picture();
  world.host->fail_starts(1);
  Operation operation = world.run_settled(edited_office);
  EXPECT_EQ(operation.state, OperationState::rolled_back);
  EXPECT_EQ(world.picture(), before);
  EXPECT_EQ(world.daemon().service("office")->state, "running");
}

TEST_F(Reconcile, a_function_that_never_becomes_ready_fails_the_run) {
  Result<Control::Accepted> accepted = world.run(R"(vireo: 1
service: mute
functions:
  one: { image: vnf/probe, command: [x, silent], ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)");
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.daemon().operation(accepted->operation)->state, OperationState::processing);
  world.clock.advance(std::chrono::seconds(10));
  world.daemon().tick();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.daemon().operation(accepted->operation)->state, OperationState::rolled_back);
  EXPECT_EQ(world.picture(), "");
}

TEST_F(Reconcile, a_failing_port_gives_everything_back) {
  for (const char* call : {"prepare", "bind", "ensure_link"}) {
    world.network->fail_next(call, {Errc::exhausted, "no more"});
    Operation operation = world.run_settled(branch_office);
    EXPECT_EQ(operation.state, OperationState::rolled_back) << call;
    EXPECT_EQ(world.picture(), "") << call;
    EXPECT_EQ(world.spares(), 0u) << call;
  }
}

TEST_F(Reconcile, a_heartbeat_that_stops_is_healed) {
  run(branch_office);
  for (int i = 0; i < 3; i++) {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
  }
  EXPECT_EQ(world.function("office", "fw").health, "ready");
  EXPECT_EQ(world.function("office", "fw").flows, 7u);
  EXPECT_LE(world.function("office", "fw").counters.size(), vnf::max_counters);
  world.probe.beating = false;
  for (int i = 0; i < 4; i++) {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
  }
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@2");
  EXPECT_EQ(world.function("office", "web").restarts, 0u);
}

TEST_F(Reconcile, one_that_says_that_it_sleeps_is_believed_for_a_while) {
  run(branch_office);
  world.probe.beating = false;
  const auto pass = [&](int seconds) {
    for (int i = 0; i < seconds; i++) {
      world.clock.advance(std::chrono::seconds(1));
      world.daemon().tick();
      ASSERT_TRUE(world.settle());
    }
  };
  const auto now = [&] {
    return static_cast<uint64_t>(world.clock.now().time_since_epoch().count());
  };
  world.probe.quiet_until_ns = now() + 20'000'000'000;
  pass(10);
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@1");
  pass(15);
  EXPECT_NE(world.function("office", "fw").instance, "default/office/fw.1@1");
}

TEST_F(Reconcile, one_that_says_that_it_sleeps_for_ever_is_healed) {
  run(branch_office);
  world.probe.beating = false;
  world.probe.quiet_until_ns = UINT64_MAX;
  for (int i = 0; i < 5; i++) {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
  }
  EXPECT_NE(world.function("office", "fw").instance, "default/office/fw.1@1");
}

TEST_F(Reconcile, of_many_each_turn_looks_at_a_part) {
  constexpr unsigned count = 400, seconds = 12;
  std::string many = "vireo: 1\nservice: many\nfunctions:\n";
  for (unsigned i = 0; i < count; i++)
    many += "  f" + std::to_string(i) + ": { image: vnf/fw, ports: [a, b] }\n";
  run(many + "links:\n  a: { subnet: 10.10.0.0/16 }\n  b: {}\n");
  for (unsigned i = 0; i < seconds; i++) {
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
  }
  EXPECT_GE(world.probe.heartbeat, uint64_t{count} * 2) << "each of them, all the same";
  EXPECT_LE(world.probe.heartbeat, uint64_t{count} * (seconds / 2 + 1));
  for (const ServiceStatus& service : world.daemon().services())
    for (const FunctionStatus& function : service.functions)
      ASSERT_EQ(function.health, "ready") << function.function;
}

TEST_F(Reconcile, an_unhealthy_foreign_function_is_restarted_after_its_retries) {
  run(R"(vireo: 1
service: site
functions:
  web: { image: web, health: { tcp: 80 }, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)");
  world.probe.healthy = false;
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(world.function("site", "web").restarts, 0u);
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    world.clock.advance(std::chrono::seconds(1));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
    if (world.probe.checks >= 3) break;
  }
  EXPECT_EQ(world.function("site", "web").restarts, 1u);
}

TEST_F(Reconcile, events_have_growing_ids_over_restarts) {
  run(branch_office);
  uint64_t last = world.daemon().events_after(0).back().id;
  world.daemon().wait_for_commits();
  world.crash_daemon();
  world.start_daemon();
  EXPECT_GT(world.daemon().events_after(0).front().id, last);
}

TEST_F(Reconcile, rm_of_what_is_not_there_says_so) {
  EXPECT_EQ(world.daemon().remove("nothing").error().code, Errc::not_found);
  run(branch_office);
  EXPECT_EQ(world.daemon().change("office", "nothing", Control::Verb::stop).error().code,
            Errc::not_found);
  EXPECT_TRUE(world.daemon().uses_image("sha256:of-web"));
  EXPECT_FALSE(world.daemon().uses_image("sha256:other"));
}

}  // namespace
}  // namespace vireo
