// SPDX-License-Identifier: Apache-2.0
#include "contract/driver_contract.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace vireo {

namespace {
constexpr int patience_ms = 20'000;
const InstanceId first = "default/s/f.1@1";
const InstanceId second = "default/s/f.2@1";

std::string read_to_end(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    pollfd wanted{fd, POLLIN, 0};
    if (::poll(&wanted, 1, patience_ms) != 1) return all + "(no end)";
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return all;  // a terminal's end is an error
    all.append(buffer, static_cast<size_t>(n));
  }
}
}  // namespace

void DriverContract::SetUp() {
  std::string skip;
  bench_ = GetParam().make(skip);
  ASSERT_FALSE(HasFailure());  // of the bench: a test that was skipped, too, would go on
  if (!bench_) GTEST_SKIP() << skip;
  before_ = bench_->census();
}

void DriverContract::TearDown() {
  if (!bench_) return;
  for (const InstanceStatus& each : all()) EXPECT_TRUE(driver().destroy(each.id));
  EXPECT_TRUE(all().empty());
  // What is removed in the background is gone within a deadline.
  std::vector<std::string> after;
  for (int waited = 0; waited < patience_ms; waited += 10) {
    after = bench_->census();
    if (after == before_) return;
    ::poll(nullptr, 0, 10);
  }
  EXPECT_EQ(after, before_);
}

Result<void> DriverContract::try_to_run(const InstanceSpec& spec, std::vector<Phase>* phases) {
  Shell shell = TRY(driver().prepare({spec.technology, true}));
  return driver().start(shell.id, spec, {}, phases);
}

void DriverContract::run(const InstanceSpec& spec) {
  auto started = try_to_run(spec);
  ASSERT_TRUE(started) << started.error().message;
}

DriverEvent DriverContract::wait_for(const InstanceId& id, DriverEvent::Kind kind) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (std::chrono::steady_clock::now() < until) {
    for (DriverEvent& event : driver().take_events())
      if (event.id == id && event.kind == kind) return event;
    pollfd wanted{driver().event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 1000);
  }
  ADD_FAILURE() << "no event of " << id;
  return {};
}

std::vector<InstanceStatus> DriverContract::all() {
  auto list = driver().list();
  EXPECT_TRUE(list);
  return list ? *list : std::vector<InstanceStatus>();
}

const InstanceStatus* DriverContract::find(const std::vector<InstanceStatus>& list,
                                           const InstanceId& id) {
  auto found = std::find_if(list.begin(), list.end(),
                            [&](const InstanceStatus& each) { return each.id == id; });
  return found == list.end() ? nullptr : &*found;
}

TEST_P(DriverContract, host_is_described) {
  HostSupport support = driver().check_host();
  EXPECT_TRUE(support.possible);
  EXPECT_FALSE(support.how.empty());
  EXPECT_FALSE(driver().info().technologies.empty());
}

TEST_P(DriverContract, spare_shell_is_listed_until_used) {
  auto shell = driver().prepare({bench_->technology(), true});
  ASSERT_TRUE(shell) << shell.error().message;
  EXPECT_TRUE(shell->id.starts_with("~"));
  auto listed = all();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].state, InstanceState::spare);
  ASSERT_TRUE(driver().start(shell->id, bench_->spec(first, {"sleep"}), {}, nullptr));
  listed = all();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].id, first);
  EXPECT_EQ(listed[0].state, InstanceState::running);
}

TEST_P(DriverContract, spare_shell_is_destroyed) {
  auto shell = driver().prepare({bench_->technology(), true});
  ASSERT_TRUE(shell);
  EXPECT_TRUE(driver().destroy(shell->id));
  EXPECT_TRUE(all().empty());
  EXPECT_FALSE(driver().start(shell->id, bench_->spec(first, {"sleep"}), {}, nullptr));
}

TEST_P(DriverContract, another_technology_is_refused) {
  auto shell = driver().prepare({"abacus", true});
  ASSERT_FALSE(shell);
  EXPECT_EQ(shell.error().code, Errc::unsupported);
}

TEST_P(DriverContract, exit_code_arrives_as_an_event) {
  run(bench_->spec(first, {"exit:7"}));
  DriverEvent event = wait_for(first, DriverEvent::Kind::exited);
  EXPECT_EQ(event.exit.kind, ExitKind::code);
  EXPECT_EQ(event.exit.value, 7);
  auto listed = all();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].state, InstanceState::exited);
  ASSERT_TRUE(listed[0].exit);
  EXPECT_EQ(listed[0].exit->value, 7);
}

TEST_P(DriverContract, start_says_its_phases) {
  std::vector<Phase> phases;
  auto started = try_to_run(bench_->spec(first, {"sleep"}), &phases);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_FALSE(phases.empty());
}

TEST_P(DriverContract, start_of_a_running_id_succeeds_and_keeps_the_shell) {
  run(bench_->spec(first, {"sleep"}));
  auto shell = driver().prepare({bench_->technology(), true});
  ASSERT_TRUE(shell);
  EXPECT_TRUE(driver().start(shell->id, bench_->spec(first, {"sleep"}), {}, nullptr));
  EXPECT_EQ(all().size(), 2u);
}

TEST_P(DriverContract, start_in_an_unknown_shell_is_refused) {
  auto started = driver().start("~nothing", bench_->spec(first, {"sleep"}), {}, nullptr);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::not_found);
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, failed_start_leaves_nothing) {
  auto started = try_to_run(bench_->broken(first));
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find(first), std::string::npos) << started.error().message;
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, ask_ends_a_willing_instance) {
  run(bench_->spec(first, {"sleep"}));
  // Repeated: the signal may come before the program has set its handler.
  EXPECT_TRUE(driver().stop(first, StopKind::ask));
  DriverEvent event;
  for (int i = 0; i < 1000 && event.id.empty(); ++i) {
    pollfd wanted{driver().event_fd(), POLLIN, 0};
    const bool quiet = ::poll(&wanted, 1, 20) != 1;
    if (quiet) {
      ASSERT_TRUE(driver().stop(first, StopKind::ask));
    }
    for (DriverEvent& each : driver().take_events())
      if (each.kind == DriverEvent::Kind::exited) event = each;
  }
  EXPECT_EQ(event.id, first);
  EXPECT_EQ(event.exit.kind, ExitKind::code);
  EXPECT_EQ(event.exit.value, 0);
}

TEST_P(DriverContract, kill_ends_a_stubborn_instance) {
  if (!bench_->can_be_stubborn()) GTEST_SKIP() << "no program of this driver can ignore a request";
  run(bench_->spec(first, {"stubborn"}));
  EXPECT_TRUE(driver().stop(first, StopKind::ask));
  EXPECT_TRUE(driver().stop(first, StopKind::kill));
  DriverEvent event = wait_for(first, DriverEvent::Kind::exited);
  EXPECT_EQ(event.exit.kind, ExitKind::killed);
  EXPECT_EQ(event.exit.value, SIGKILL);
}

TEST_P(DriverContract, stop_and_destroy_may_be_repeated) {
  EXPECT_TRUE(driver().stop("default/no/such.1@1", StopKind::kill));
  EXPECT_TRUE(driver().destroy("default/no/such.1@1"));
  run(bench_->spec(first, {"exit:0"}));
  wait_for(first, DriverEvent::Kind::exited);
  EXPECT_TRUE(driver().stop(first, StopKind::kill));
  EXPECT_TRUE(driver().destroy(first));
  EXPECT_TRUE(driver().destroy(first));
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, id_can_be_used_again_after_destroy) {
  for (int round = 0; round < 3; ++round) {
    run(bench_->spec(first, {"sleep"}));
    EXPECT_TRUE(driver().destroy(first));
  }
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, ended_id_must_be_destroyed_first) {
  run(bench_->spec(first, {"exit:1"}));
  wait_for(first, DriverEvent::Kind::exited);
  auto again = try_to_run(bench_->spec(first, {"sleep"}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
}

TEST_P(DriverContract, instances_outlive_the_driver_object) {
  run(bench_->spec(first, {"sleep"}));
  auto shell = driver().prepare({bench_->technology(), true});
  ASSERT_TRUE(shell);
  bench_->reopen();
  auto listed = all();
  ASSERT_EQ(listed.size(), 2u);
  ASSERT_NE(find(listed, first), nullptr);
  EXPECT_EQ(find(listed, first)->state, InstanceState::running);
  ASSERT_NE(find(listed, shell->id), nullptr);
  EXPECT_EQ(find(listed, shell->id)->state, InstanceState::spare);
  // Both go on as before.
  auto started = driver().start(shell->id, bench_->spec(second, {"exit:5"}), {}, nullptr);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(wait_for(second, DriverEvent::Kind::exited).exit.value, 5);
  EXPECT_TRUE(driver().stop(first, StopKind::kill));
  EXPECT_EQ(wait_for(first, DriverEvent::Kind::exited).id, first);
}

TEST_P(DriverContract, end_while_no_driver_looks_is_kept) {
  run(bench_->spec(first, {"exit:9"}));
  wait_for(first, DriverEvent::Kind::exited);
  bench_->reopen();
  auto listed = all();
  ASSERT_NE(find(listed, first), nullptr);
  EXPECT_EQ(find(listed, first)->state, InstanceState::exited);
  ASSERT_TRUE(find(listed, first)->exit);
  EXPECT_EQ(find(listed, first)->exit->value, 9);
}

TEST_P(DriverContract, usage_leaves_out_what_is_gone) {
  run(bench_->spec(first, {"sleep"}));
  std::vector<InstanceId> ids = {first, "default/no/such.1@1"};
  auto usage = driver().usage(ids);
  ASSERT_EQ(usage.size(), 1u);
  EXPECT_EQ(usage[0].id, first);
  EXPECT_GE(usage[0].pids, 1u);
  EXPECT_GT(usage[0].memory, 0u);
}

TEST_P(DriverContract, resize_of_a_running_instance) {
  if (driver().resizer() == nullptr) GTEST_SKIP() << "not a power of this driver";
  run(bench_->spec(first, {"sleep"}));
  EXPECT_TRUE(driver().resizer()->resize(first, {1.5, 64u << 20, 50}));
  EXPECT_TRUE(driver().resizer()->resize(first, {0, 0, 0}));
  EXPECT_EQ(driver().resizer()->resize("default/no/such.1@1", {}).error().code, Errc::not_found);
}

TEST_P(DriverContract, exec_gives_output_and_exit_code) {
  Executor* executor = driver().executor();
  if (executor == nullptr) GTEST_SKIP() << "not a power of this driver";
  InstanceSpec spec = bench_->spec(first, {"sleep"});
  run(spec);
  const std::string program = spec.process.arguments[0];
  auto session = executor->exec(first, {{program, "exit:3"}, false, 24, 80});
  ASSERT_TRUE(session) << session.error().message;
  read_to_end(session->out.get());
  pollfd wanted{session->exit.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&wanted, 1, patience_ms), 1);
  auto code = executor->exit_code(session->id);
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 3);
  EXPECT_EQ(executor->exit_code(session->id).error().code, Errc::not_found);  // once
  EXPECT_EQ(executor->exec("default/no/such.1@1", {{program}, false, 24, 80}).error().code,
            Errc::not_found);
}

TEST_P(DriverContract, a_loaded_shell_starts_its_program_only) {
  Preloader* preloader = driver().preloader();
  if (preloader == nullptr) GTEST_SKIP() << "this driver loads nothing ahead";
  auto shell = driver().prepare({bench_->spec(first, {"exit:7"}).technology, true});
  ASSERT_TRUE(shell);
  auto loaded = preloader->preload(shell->id, bench_->spec(first, {"exit:7"}));
  ASSERT_TRUE(loaded) << loaded.error().message;
  auto other = driver().start(shell->id, bench_->spec(first, {"sleep"}), {}, nullptr);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::conflict);
  auto again = preloader->preload(shell->id, bench_->spec(first, {"exit:7"}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_TRUE(driver().take_events().empty());
  const auto spares = all();
  const InstanceStatus* spare = find(spares, shell->id);
  ASSERT_NE(spare, nullptr);
  EXPECT_EQ(spare->state, InstanceState::spare);  // it waits, though its program would end
  auto started = driver().start(shell->id, bench_->spec(second, {"exit:7"}), {}, nullptr);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(wait_for(second, DriverEvent::Kind::exited).exit.value, 7);
}

TEST_P(DriverContract, a_shell_that_cannot_be_loaded_is_gone) {
  Preloader* preloader = driver().preloader();
  if (preloader == nullptr) GTEST_SKIP() << "this driver loads nothing ahead";
  const InstanceSpec spec = bench_->broken(first);
  auto shell = driver().prepare({spec.technology, true});
  ASSERT_TRUE(shell);
  EXPECT_FALSE(preloader->preload(shell->id, spec));
  EXPECT_TRUE(all().empty());
}

TEST_P(DriverContract, vitals_are_for_libvnf_functions) {
  if (driver().functions() == nullptr) GTEST_SKIP() << "not a power of this driver";
  const InstanceSpec plain = bench_->spec(first, {"sleep"});
  run(plain);
  if (!plain.function) {
    EXPECT_EQ(driver().functions()->vitals(first).error().code, Errc::unsupported);
  }
  InstanceSpec function = bench_->spec(second, {"sleep"});
  function.function = FunctionStart{};
  run(function);
  auto vitals = driver().functions()->vitals(second);
  ASSERT_TRUE(vitals) << vitals.error().message;
  EXPECT_EQ(::lseek(vitals->get(), 0, SEEK_END), 4096);
}

}  // namespace vireo
