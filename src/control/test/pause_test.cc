// SPDX-License-Identifier: Apache-2.0
// What is paused stands still, by the user's wish, until the user wishes otherwise.
#include "control/test/control_fixture.h"

namespace vireo {
namespace {

constexpr const char* site = R"(vireo: 1
service: site
functions:
  fw: { image: vnf/fw, ports: [wan, lan] }
  web: { image: web, health: { tcp: 80 }, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
  lan: {}
)";
const InstanceId web = "default/site/web.1@1", fw = "default/site/fw.1@1";

class Pausing : public ControlTest {
 protected:
  Pausing() { run(site); }
  Operation change(const std::string& function, Control::Verb verb) {
    auto operation = world.daemon().change("site", function, verb);
    EXPECT_TRUE(operation) << operation.error().message;
    EXPECT_TRUE(world.settle());
    return operation ? *world.daemon().operation(*operation) : Operation{};
  }
  std::string state(const std::string& function) { return world.function("site", function).state; }
  bool told(const std::string& kind) {
    return std::ranges::any_of(world.daemon().events_after(0),
                               [&](const Event& event) { return event.kind == kind; });
  }
  void seconds_pass(int seconds) {
    for (int i = 0; i < seconds; i++) {
      world.clock.advance(std::chrono::seconds(1));
      world.daemon().tick();
      ASSERT_TRUE(world.settle());
    }
  }
};

TEST_F(Pausing, one_function_pauses_and_goes_on) {
  const Operation paused = change("web", Control::Verb::pause);
  EXPECT_EQ(paused.state, OperationState::completed);
  EXPECT_EQ(paused.verb, "pause");
  ASSERT_EQ(paused.steps.size(), 1u);
  EXPECT_EQ(paused.steps[0].id, "pause " + web);
  EXPECT_EQ(state("web"), "paused");
  EXPECT_EQ(world.function("site", "web").health, "unknown");
  EXPECT_EQ(state("fw"), "running");
  EXPECT_EQ(world.daemon().service("site")->state, "partly");
  EXPECT_TRUE(world.host->paused(web));
  EXPECT_TRUE(told("instance.paused"));
  EXPECT_EQ(change("web", Control::Verb::resume).state, OperationState::completed);
  EXPECT_EQ(state("web"), "running");
  EXPECT_FALSE(world.host->paused(web));
  EXPECT_TRUE(told("instance.resumed"));
}

TEST_F(Pausing, nobody_misses_answers_of_what_is_paused) {
  change("", Control::Verb::pause);
  EXPECT_EQ(world.daemon().service("site")->state, "paused");
  world.probe.healthy = false;
  const unsigned checks = world.probe.checks;
  seconds_pass(30);
  EXPECT_EQ(world.probe.checks, checks);
  EXPECT_EQ(world.function("site", "web").restarts, 0u);
  EXPECT_EQ(world.function("site", "fw").restarts, 0u);
  // One that goes on has as long to answer as one that begins.
  change("", Control::Verb::resume);
  seconds_pass(1);
  EXPECT_EQ(world.function("site", "web").restarts, 0u);
  seconds_pass(30);
  EXPECT_GT(world.function("site", "web").restarts, 0u);
}

TEST_F(Pausing, a_later_daemon_leaves_it_paused) {
  change("web", Control::Verb::pause);
  world.stop_daemon();
  world.start_daemon();
  world.steps.clear();
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.steps.empty()) << world.steps.front();
  EXPECT_EQ(state("web"), "paused");
  change("web", Control::Verb::resume);
  EXPECT_EQ(state("web"), "running");
  EXPECT_EQ(world.function("site", "web").instance, web);
}

TEST_F(Pausing, after_a_reboot_and_a_death_it_is_paused_again) {
  change("web", Control::Verb::pause);
  world.stop_daemon();
  world.host = std::make_shared<FakeHost>();
  world.network = std::make_shared<MemoryWorld>();
  world.start_daemon();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(state("web"), "paused");
  world.host->crash(world.function("site", "web").instance, {ExitKind::signal, 9});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(state("web"), "paused");
  EXPECT_EQ(world.function("site", "web").restarts, 1u);
}

TEST_F(Pausing, other_wishes_end_it) {
  change("web", Control::Verb::pause);
  EXPECT_EQ(world.daemon().plan({site, "t", {}}).changes.size(), 1u);
  run(site);
  EXPECT_EQ(state("web"), "running");
  EXPECT_EQ(world.function("site", "web").instance, web);
  change("web", Control::Verb::pause);
  change("web", Control::Verb::start);
  EXPECT_EQ(state("web"), "running");
  EXPECT_EQ(world.function("site", "web").instance, web);
  change("web", Control::Verb::pause);
  change("web", Control::Verb::stop);
  EXPECT_EQ(state("web"), "stopped");
  change("web", Control::Verb::start);
  EXPECT_EQ(state("web"), "running");
  change("web", Control::Verb::pause);
  ASSERT_TRUE(world.daemon().remove("site"));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.host->instances(), 0u);
}

TEST_F(Pausing, what_is_stopped_is_not_paused) {
  change("web", Control::Verb::stop);
  auto refused = world.daemon().change("site", "web", Control::Verb::pause);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "`site/web` is stopped; `vireo start` starts it");
  change("", Control::Verb::pause);  // the others
  EXPECT_EQ(state("web"), "stopped");
  EXPECT_EQ(state("fw"), "paused");
  EXPECT_TRUE(world.host->paused(fw));
}

TEST_F(Pausing, a_pause_that_fails_is_taken_back) {
  world.host->refuse_pauses();
  const Operation failed = change("web", Control::Verb::pause);
  EXPECT_EQ(failed.state, OperationState::failed);
  ASSERT_TRUE(failed.error);
  EXPECT_NE(failed.error->message.find("told to fail"), std::string::npos);
  EXPECT_EQ(state("web"), "running");
  EXPECT_EQ(world.function("site", "web").reason, "told to fail");
  world.stop_daemon();
  world.start_daemon();
  world.steps.clear();
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.steps.empty()) << world.steps.front();
}

}  // namespace
}  // namespace vireo
