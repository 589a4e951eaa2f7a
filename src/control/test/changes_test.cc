// SPDX-License-Identifier: Apache-2.0
// What running functions are told, and what of the host or of other services stands in the way.
#include <gtest/gtest.h>

#include <algorithm>

#include "control/test/control_fixture.h"

namespace vireo {
namespace {

class Changes : public ControlTest {};

TEST_F(Changes, names_of_functions_that_come_and_go_are_told_to_those_that_run) {
  auto hosts = [&] { return world.host->file("default/office/web.1@1", "/etc/hosts"); };
  run(small_office);
  EXPECT_EQ(hosts().find("dns"), std::string::npos);
  std::string with_dns = small_office;
  with_dns.insert(with_dns.find("links:"), "  dns: { image: web, ports: [wan] }\n");
  run(with_dns);
  EXPECT_NE(hosts().find("dns dns.office"), std::string::npos) << hosts();
  run(small_office);
  EXPECT_EQ(hosts().find("dns"), std::string::npos) << hosts();
  EXPECT_FALSE(stepped("stop default/office/web"));
  EXPECT_TRUE(world.daemon().plan({small_office, "t", {}}).changes.empty());
}

TEST_F(Changes, an_edited_health_check_is_shown_and_takes_effect_without_a_restart) {
  std::string checked = small_office;
  checked.insert(checked.find(", ports: [wan]"), ", health: { tcp: 80, interval: 2s }");
  run(small_office);
  Plan plan = world.daemon().plan({checked, "t", {}});
  ASSERT_EQ(plan.changes.size(), 1u) << plan.text;
  EXPECT_EQ(plan.changes[0].summary,
            "health none asked for -> tcp 80 every 2000 ms, 1000 ms to answer, 3 failures");
  EXPECT_EQ(plan.changes[0].action, PlanChange::Action::change);
  run(checked);
  EXPECT_FALSE(stepped("stop"));
  auto pass = [&] {
    world.clock.advance(std::chrono::seconds(2));
    world.daemon().tick();
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
  };
  pass();
  pass();
  EXPECT_EQ(world.function("office", "web").health, "healthy");
  run(checked);
  EXPECT_EQ(world.function("office", "web").health, "healthy");  // said of the same check
  run(small_office);
  EXPECT_EQ(world.function("office", "web").health, "ready");  // nobody checks any more
}

TEST_F(Changes, the_host_reaches_a_subnet_through_one_link_only) {
  run(branch_office);
  auto with = [&](const std::string& link) {
    return world.daemon().plan(
        {"vireo: 1\nservice: other\nfunctions:\n  web: { image: web, ports: "
         "[lan] }\nlinks:\n  lan: { " +
             link + " }\n",
         "other.yaml",
         {}});
  };
  EXPECT_EQ(with("subnet: 10.20.0.0/24").findings.size(), 0u);  // its own affair
  Plan plan = with("subnet: 10.20.0.0/16, host: 10.20.9.1");
  ASSERT_EQ(plan.findings.size(), 1u) << plan.text;
  EXPECT_NE(plan.text.find("other.yaml:6:3: the host reaches 10.20.0.100/24 through link `lan` of "
                           "service `office` already"),
            std::string::npos)
      << plan.text;
  EXPECT_EQ(with("subnet: 10.21.0.0/24, host: 10.21.0.1").findings.size(), 0u);
}

TEST_F(Changes, an_uplink_joins_one_link) {
  const std::string two = R"(vireo: 1
service: two
functions:
  web: { image: web, ports: [a, b] }
links:
  a: { subnet: 10.1.0.0/24, uplink: eth1 }
  b: { subnet: 10.2.0.0/24, uplink: eth1 }
)";
  Plan plan = world.daemon().plan({two, "two.yaml", {}});
  ASSERT_EQ(plan.findings.size(), 1u) << plan.text;
  EXPECT_NE(plan.text.find("two.yaml:7:3: `eth1` is the uplink of link `a` already"),
            std::string::npos)
      << plan.text;
  std::string one = two;
  one.replace(one.rfind("eth1"), 4, "eth2");
  run(one);
  one.replace(one.find("service: two"), 12, "service: one");
  EXPECT_NE(world.daemon().plan({one, "t", {}}).text.find("link `a` of service `two` already"),
            std::string::npos);
}

TEST_F(Changes, a_pool_that_runs_empty_is_told_once) {
  world.stop_daemon();
  world.start_daemon(1);
  world.daemon().wait_for_spares();
  auto told = [&] {
    return std::ranges::count(world.daemon().events_after(0), "pool.low", &Event::kind);
  };
  EXPECT_EQ(told(), 0);
  run(small_office);
  EXPECT_EQ(told(), 1);
}

TEST_F(Changes, a_function_slow_to_give_its_state_holds_up_no_other) {
  auto work = [&] {
    for (int quiet = 0; quiet < 2;) {
      world.daemon().handle_events();
      quiet = world.daemon().work() ? 0 : quiet + 1;
    }
  };
  run(branch_office);
  world.host->hold_states(true);
  ASSERT_TRUE(world.run(edited_office));
  work();
  ASSERT_TRUE(stepped("ask state default/office/fw.1@1"));
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@1");
  world.host->crash("default/office/nat.1@1", {ExitKind::signal, 9});
  work();
  EXPECT_EQ(world.function("office", "nat").instance, "default/office/nat.1@2");
  EXPECT_EQ(world.function("office", "nat").state, "running");
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@1");
  world.host->hold_states(false);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.function("office", "fw").instance, "default/office/fw.1@2");
  std::vector<Phase> phases = world.function("office", "fw").phases;
  auto state = std::ranges::find(phases, "state", &Phase::name);
  ASSERT_NE(state, phases.end());
  EXPECT_EQ(state->note, "");  // not lost
}

}  // namespace
}  // namespace vireo
