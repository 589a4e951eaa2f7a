// SPDX-License-Identifier: Apache-2.0
// The daemon is ended after every single step, with its writes durable and with them lost, and
// started again: the host must become as described, with nothing left over.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "control/test/fixture.h"

namespace vireo {
namespace {

struct Story {
  const char* name;
  const char* before;  // runs undisturbed; "" for nothing
  const char* after;   // what is run then; "" removes the service
};

const Story stories[] = {{"create", "", branch_office},
                         {"change", branch_office, edited_office},
                         {"shrink", edited_office, small_office},
                         {"remove", branch_office, ""}};

void begin(World& world, const Story& story) {
  world.start_daemon();
  if (*story.before != 0) {
    ASSERT_EQ(world.run_settled(story.before).state, OperationState::completed);
    world.daemon().wait_for_commits();
  }
  world.steps.clear();
  if (*story.after != 0) {
    Result<Control::Accepted> accepted = world.run(story.after);
    ASSERT_TRUE(accepted && !accepted->operation.empty());
  } else {
    ASSERT_TRUE(world.daemon().remove("office"));
  }
}

// What an undisturbed run makes of it, and its steps.
std::pair<std::string, std::vector<std::string>> undisturbed(const Story& story, bool hosts) {
  World world;
  begin(world, story);
  EXPECT_TRUE(world.settle());
  world.daemon().wait_for_commits();
  return {world.picture(hosts), world.steps};
}

class Crash : public testing::TestWithParam<Story> {
 protected:
  static void check_rest(World& world, const std::string& wished, const std::string& untouched,
                         const std::string& step, bool durable) {
    world.daemon().wait_for_commits();
    // With the intent lost, the world before is right as well; names that were told already stay.
    std::string found = world.picture(durable);
    EXPECT_TRUE(found == wished || found == untouched) << "after `" << step << "`:\n"
                                                       << found << "instead of\n"
                                                       << wished;
    EXPECT_EQ(world.spares(), 0u) << step;
  }

  void crash_everywhere(bool durable) {
    auto [wished, steps] = undisturbed(GetParam(), durable);
    std::string untouched = "no such picture";
    if (!durable) {
      World world;
      world.start_daemon();
      if (*GetParam().before != 0) world.run_settled(GetParam().before);
      world.daemon().wait_for_commits();
      untouched = world.picture();
    }
    size_t interrupted = 0;
    for (const std::string& step : steps) {
      World world;
      begin(world, GetParam());
      if (!durable) {
        world.hold_commits = true;
        world.store.hold();
      }
      if (!world.run_until(step)) {
        ADD_FAILURE() << "`" << step << "` was not reached";
        continue;
      }
      interrupted++;
      if (durable) world.daemon().wait_for_commits();
      world.crash_daemon();
      world.hold_commits = false;
      world.start_daemon();
      ASSERT_TRUE(world.settle()) << step;
      check_rest(world, wished, untouched, step, durable);
    }
    EXPECT_EQ(interrupted, steps.size());
    std::printf("%s: %zu of %zu steps interrupted, writes %s\n", GetParam().name, interrupted,
                steps.size(), durable ? "durable" : "lost");
  }
};

TEST_P(Crash, after_every_step_with_writes_durable) { crash_everywhere(true); }
TEST_P(Crash, after_every_step_with_writes_lost) { crash_everywhere(false); }

INSTANTIATE_TEST_SUITE_P(Story, Crash, testing::ValuesIn(stories),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Recovery, a_restart_of_the_daemon_touches_nothing) {
  World world;
  world.start_daemon();
  world.run_settled(branch_office);
  std::string before = world.picture();
  world.stop_daemon();
  world.start_daemon();
  world.steps.clear();
  size_t starts = world.host->starts();
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.steps.empty()) << world.steps.front();
  EXPECT_EQ(world.host->starts(), starts);
  EXPECT_EQ(world.picture(), before);
  EXPECT_EQ(world.daemon().service("office")->state, "running");
}

TEST(Recovery, a_new_image_of_the_same_name_waits_for_run) {
  World world;
  world.start_daemon();
  world.run_settled(small_office);
  world.stop_daemon();
  Image newer = foreign_image("web");
  newer.digest = "sha256:newer";
  world.images.add(newer);
  world.start_daemon();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.daemon().service("office")->state,
            "partly");  // the pinned one is gone: hands off
  EXPECT_EQ(world.function("office", "web").state, "blocked");
  EXPECT_EQ(world.host->instances(), 1u);
  EXPECT_EQ(world.run_settled(small_office).state, OperationState::completed);
  EXPECT_EQ(world.function("office", "web").instance, "default/office/web.1@2");
}

TEST(Recovery, after_a_reboot_everything_is_started_again) {
  World world;
  world.start_daemon();
  world.run_settled(branch_office);
  std::string before = world.picture();
  world.stop_daemon();
  world.host = std::make_shared<FakeHost>();
  world.network = std::make_shared<MemoryWorld>();
  world.start_daemon();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.picture(), before);
}

TEST(Recovery, what_died_meanwhile_is_healed) {
  World world;
  world.start_daemon();
  world.run_settled(branch_office);
  std::string before = world.picture();
  world.stop_daemon();
  world.host->crash("default/office/fw.1@1", {ExitKind::out_of_memory, 9});
  world.start_daemon();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.picture(), before);
  EXPECT_EQ(world.function("office", "fw").restarts, 1u);
  std::vector<Event> events = world.daemon().events_after(0);
  auto ended = std::ranges::find(events, "instance.exited", &Event::kind);
  ASSERT_NE(ended, events.end());
  EXPECT_EQ(ended->function, "fw");
  EXPECT_NE(ended->message.find(to_string(ExitReason{ExitKind::out_of_memory, 9})),
            std::string::npos);
}

TEST(Recovery, what_failed_meanwhile_says_why) {
  World world;
  world.start_daemon();
  world.run_settled(branch_office);
  world.stop_daemon();
  world.host->crash("default/office/fw.1@1", {ExitKind::code, 1});
  world.probe.failure = "no more of this";
  world.start_daemon();
  ASSERT_TRUE(world.settle());
  const std::vector<Event> events = world.daemon().events_after(0);
  auto ended = std::ranges::find(events, "instance.exited", &Event::kind);
  ASSERT_NE(ended, events.end());
  EXPECT_EQ(ended->message, "exit code 1: no more of this, while no daemon ran");
}

TEST(Recovery, a_write_that_fails_fails_the_operation_and_is_made_up_for) {
  int failed = 0;
  for (uint64_t call = 1; call <= 6; call++) {
    World world;
    world.start_daemon();
    world.hold_commits = true;  // so that commits are many together
    // What was committed together is tried again each on its own: more than one has to fail.
    constexpr uint64_t failures = 4;
    world.failing.fail_calls(call, failures, {Errc::exhausted, "the disk is full"});
    Operation operation = world.run_settled(branch_office);
    if (operation.state == OperationState::failed) failed++;
    world.clock.advance(std::chrono::seconds(2));
    world.daemon().tick();
    ASSERT_TRUE(world.settle());
    for (uint64_t i = 0; i < call + failures; i++)
      (void)world.failing.get("nothing");  // if it is still armed
    std::string before = world.picture();
    world.hold_commits = false;
    world.stop_daemon();
    world.start_daemon();
    world.steps.clear();
    ASSERT_TRUE(world.settle());
    EXPECT_TRUE(world.steps.empty()) << call << ": " << world.steps.front();
    EXPECT_EQ(world.picture(), before);
    EXPECT_EQ(world.host->instances(), 3u);
  }
  EXPECT_GT(failed, 0);
}

TEST(Recovery, kills_at_random_moments_lose_nothing) {
  std::mt19937 random(20261124);
  World world;
  world.start_daemon();
  const char* const wishes[] = {branch_office, edited_office, small_office, ""};
  for (int round = 0; round < 60; round++) {
    const char* wish = wishes[random() % 4];
    if (*wish != 0)
      (void)world.run(wish);
    else
      (void)world.daemon().remove("office");
    bool lost = random() % 2 == 0;
    if (lost) {
      world.hold_commits = true;
      world.store.hold();
    }
    for (uint64_t step = random() % 25; step > 0; step--) {
      world.daemon().handle_events();
      if (!world.daemon().work()) break;
    }
    if (!lost) world.daemon().wait_for_commits();
    world.crash_daemon();
    world.hold_commits = false;
    world.start_daemon();
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.spares(), 0u);
  }
  Operation last = world.run_settled(branch_office);
  for (int i = 0; i < 3 && last.state != OperationState::completed; i++)
    last = world.run_settled(branch_office);
  EXPECT_EQ(last.state, OperationState::completed);
  EXPECT_EQ(world.host->instances(), 3u);
  ASSERT_TRUE(world.daemon().remove("office"));
  ASSERT_TRUE(world.settle());
  world.daemon().wait_for_commits();
  EXPECT_EQ(world.picture(), "");
  EXPECT_EQ(world.network->size(), 0u);
}

}  // namespace
}  // namespace vireo
