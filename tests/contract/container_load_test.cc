// SPDX-License-Identifier: Apache-2.0
// Programs that are loaded ahead of a start.
#include <signal.h>
#include <unistd.h>

#include "contract/container_safety_fixture.h"

namespace vireo {
namespace {

using ContainerLoad = ContainerSafety;

// State letter of its one process: T is stopped, t followed by a tracer.
char state_of(int pid) {
  std::string line = read_file(fmt::format("/proc/{}/stat", pid)).value_or(") ?");
  return line.at(line.rfind(')') + 2);
}

// The signal that stops it may still be on its way.
bool stops(int pid) {
  for (int i = 0; i < 1000 && state_of(pid) != 'T'; i++) ::usleep(1000);
  return state_of(pid) == 'T';
}

TEST_F(ContainerLoad, a_loaded_program_has_seen_nothing_and_becomes_the_instance) {
  InstanceSpec like = bench_->spec("first", {"inspect", "/etc/hosts", "/proc/self/status"});
  like.files = {{"/etc/hosts", "of the first", 0644}};
  auto shell = bench_->driver().prepare({"container", true});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(bench_->driver().preloader()->preload(shell->id, like));
  const int pid = bench_->container().pid(shell->id).value_or(0);
  EXPECT_TRUE(stops(pid));
  EXPECT_EQ(*read_file(fmt::format("/proc/{}/comm", pid)), "probe\n");
  InstanceSpec spec = like;
  spec.id = "a";
  spec.host_name = "second";
  spec.files[0].content = "ours";
  ASSERT_TRUE(bench_->driver().start(shell->id, spec, {}, nullptr));
  std::string all = output_of("a");
  EXPECT_HOLDS(all, "pid 1 cwd / host second");
  EXPECT_HOLDS(all, "/etc/hosts: ours\n");
  EXPECT_HOLDS(all, "TracerPid:\t0");
  EXPECT_HOLDS(all, "CapBnd:\t0000000000000000");
  EXPECT_HOLDS(all, "Seccomp:\t2");
  EXPECT_FALSE(holds(all, "first"));
}

TEST_F(ContainerLoad, a_loaded_function_waits_for_its_identity) {
  InstanceSpec spec = bench_->spec("a", {"function"});
  spec.function = FunctionStart{"config", 0, 0};
  auto shell = bench_->driver().prepare({"container", true});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(bench_->driver().preloader()->preload(shell->id, spec));
  EXPECT_TRUE(bench_->driver().take_events().empty());
  ASSERT_TRUE(bench_->driver().start(shell->id, spec, {}, nullptr));
  bool ready = false;
  for (int waited = 0; waited < 20'000 && !ready; waited += 5, ::poll(nullptr, 0, 5))
    for (const DriverEvent& event : bench_->driver().take_events())
      ready |= event.id == "a" && event.kind == DriverEvent::Kind::ready;
  EXPECT_TRUE(ready);
}

TEST_F(ContainerLoad, the_end_of_a_spare_is_told) {
  auto shell = bench_->driver().prepare({"container", true});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(bench_->driver().preloader()->preload(shell->id, bench_->spec("a", {"sleep"})));
  ::kill(bench_->container().pid(shell->id).value_or(0), SIGKILL);
  bool told = false;
  for (int waited = 0; waited < 20'000 && !told; waited += 5, ::poll(nullptr, 0, 5))
    for (const DriverEvent& event : bench_->driver().take_events())
      told |= event.id == shell->id && event.kind == DriverEvent::Kind::exited;
  EXPECT_TRUE(told);
  EXPECT_FALSE(bench_->driver().start(shell->id, bench_->spec("a", {"sleep"}), {}, nullptr));
}

// A daemon that dies leaves no stopped program behind.
TEST_F(ContainerLoad, a_loaded_spare_is_a_spare_for_the_next_daemon) {
  InstanceSpec spec = bench_->spec("a", {"sleep"});
  auto shell = bench_->driver().prepare({"container", true});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(bench_->driver().preloader()->preload(shell->id, spec));
  const int pid = bench_->container().pid(shell->id).value_or(0);
  bench_->reopen();
  auto listed = bench_->driver().list();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).state, InstanceState::spare);
  EXPECT_TRUE(bench_->driver().destroy(shell->id));
  for (int waited = 0; waited < 20'000 && ::kill(pid, 0) == 0; waited += 5) ::poll(nullptr, 0, 5);
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace vireo
