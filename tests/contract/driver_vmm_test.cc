// SPDX-License-Identifier: Apache-2.0
// The driver of unikernels: the contract and its tiers where there is KVM; elsewhere it says so,
// and starts nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "contract/vmm_bench.h"
#include "host/files.h"

namespace vireo {
namespace {

std::unique_ptr<VmmBench> bench_that_polls(std::string& skip) {
  auto bench = VmmBench::make(skip);
  if (bench) bench->let_poll();
  return bench;
}

INSTANTIATE_TEST_SUITE_P(Driver, DriverContract,
                         ::testing::Values(DriverBenchFactory{"vmm",
                                                              [](std::string& skip) {
                                                                return VmmBench::make(skip);
                                                              }},
                                           DriverBenchFactory{"vmm_that_polls", bench_that_polls}),
                         [](const auto& each) { return each.param.name; });

class StartTiers : public ::testing::Test {
 protected:
  void open(StartTier quickest) {
    std::string skip;
    bench_ = VmmBench::make(skip, quickest);
    if (!bench_) GTEST_SKIP() << skip;
  }
  void TearDown() override {
    if (!bench_) return;
    const auto all = bench_->driver().list();
    for (const InstanceStatus& each : *all) EXPECT_TRUE(bench_->driver().destroy(each.id));
  }
  // How an instance was started: the note of its phase.
  std::string start(const InstanceId& id, bool loaded) {
    const InstanceSpec spec = bench_->spec(id, {"sleep"});
    Driver& driver = bench_->driver();
    auto shell = driver.prepare({spec.technology, false});
    EXPECT_TRUE(shell);
    if (loaded) {
      auto preloaded = driver.preloader()->preload(shell->id, spec);
      EXPECT_TRUE(preloaded) << preloaded.error().message;
    }
    std::vector<Phase> phases;
    auto started = driver.start(shell->id, spec, {}, &phases);
    EXPECT_TRUE(started) << started.error().message;
    driver.rest();
    return phases.empty() ? "" : phases.front().note;
  }
  // Its template is made in the background.
  std::string start_until_not_cold(const InstanceId& id) {
    for (int round = 0;; round++) {
      std::string tier = start(id + "@" + std::to_string(round), false);
      if (tier != "cold" || round == 400) return tier;
      EXPECT_TRUE(bench_->driver().destroy(id + "@" + std::to_string(round)));
    }
  }
  DriverEvent next_event(const InstanceId& id) {
    for (int waited = 0; waited < 2000; waited++) {
      for (DriverEvent& event : bench_->driver().take_events())
        if (event.id == id) return event;
      pollfd wanted{bench_->driver().event_fd(), POLLIN, 0};
      ::poll(&wanted, 1, 10);
    }
    ADD_FAILURE() << "no event of " << id;
    return {};
  }
  std::unique_ptr<VmmBench> bench_;
};

TEST_F(StartTiers, a_loaded_machine_has_rehearsed) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  EXPECT_EQ(start("default/s/f.1@1", true), "rehearsed");
  EXPECT_EQ(start("default/s/f.2@1", true), "rehearsed");  // from the template, not booted
}

TEST_F(StartTiers, a_loaded_machine_is_parked_when_that_is_the_quickest) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::parked));
  if (!bench_) return;
  EXPECT_EQ(start("default/s/f.1@1", true), "parked");
}

TEST_F(StartTiers, behind_a_cold_start_a_template_is_made) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::fork));
  if (!bench_) return;
  EXPECT_EQ(bench_->driver().preloader(), nullptr);
  EXPECT_EQ(start("default/s/f.1@1", false), "cold");
  EXPECT_EQ(start_until_not_cold("default/s/f.2"), "fork");
}

TEST_F(StartTiers, cold_makes_no_template) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::cold));
  if (!bench_) return;
  EXPECT_EQ(start("default/s/f.1@1", false), "cold");
  bench_->reopen();  // the background is done
  EXPECT_EQ(start("default/s/f.2@1", false), "cold");
}

TEST_F(StartTiers, an_end_from_outside_is_told_with_its_signal) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  for (int signal : {SIGKILL, SIGSEGV}) {
    const InstanceId id = fmt::format("default/s/f.{}@1", signal);
    EXPECT_EQ(start(id, true), "rehearsed");
    EXPECT_EQ(next_event(id).kind, DriverEvent::Kind::ready);
    ASSERT_EQ(::kill(bench_->vmm().pid(id).value_or(0), signal), 0);
    const DriverEvent event = next_event(id);
    EXPECT_EQ(event.kind, DriverEvent::Kind::exited);
    EXPECT_EQ(event.exit.kind, ExitKind::signal);
    EXPECT_EQ(event.exit.value, signal);
  }
}

std::string status_of(int pid, const std::string& key) {
  const std::string text = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const size_t at = text.find("\n" + key + ":\t");
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size() + 3;
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string namespace_of(const std::string& pid, const char* kind) {
  char target[64] = {};
  EXPECT_GT(::readlink(fmt::format("/proc/{}/ns/{}", pid, kind).c_str(), target, 63), 0);
  return target;
}

TEST_F(StartTiers, machines_share_a_jail_and_have_ids_of_their_own) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  std::vector<int> pids;
  for (const char* id : {"default/s/f.1@1", "default/s/f.2@1"}) {
    start(id, true);
    pids.push_back(bench_->vmm().pid(id).value_or(0));
    EXPECT_EQ(status_of(pids.back(), "PPid"), std::to_string(bench_->keeper_pid()));
    for (const char* set : {"CapPrm", "CapEff", "CapInh", "CapAmb"})
      EXPECT_EQ(status_of(pids.back(), set), "0000000000000000");
    EXPECT_EQ(status_of(pids.back(), "Groups"), " ");
    EXPECT_EQ(status_of(pids.back(), "NoNewPrivs"), "1");
    EXPECT_EQ(status_of(pids.back(), "Seccomp_filters"), "2");
    const auto limits = read_file(fmt::format("/proc/{}/limits", pids.back()));
    EXPECT_NE(limits->find("Max processes             4                    4 "), std::string::npos);
    EXPECT_TRUE(list_directory(fmt::format("/proc/{}/root", pids.back()))->empty());
  }
  EXPECT_NE(status_of(pids[0], "Uid"), status_of(pids[1], "Uid"));
  EXPECT_FALSE(status_of(pids[0], "Uid").starts_with("0\t"));
  for (const char* kind : {"net", "mnt"}) {
    const std::string first = namespace_of(std::to_string(pids[0]), kind);
    EXPECT_EQ(first, namespace_of(std::to_string(pids[1]), kind));
    EXPECT_NE(first, namespace_of("self", kind));
  }
}

// The only child of the keeper that has kept the root's id.
int zygote_of(int keeper) {
  const std::string children =
      read_file(fmt::format("/proc/{0}/task/{0}/children", keeper)).value_or("");
  int found = 0;
  for (std::string_view word : split(children, ' '))
    if (const int pid = static_cast<int>(parse_number(word).value_or(0));
        pid != 0 && status_of(pid, "Uid").starts_with("0\t"))
      found = pid;
  return found;
}

TEST_F(StartTiers, a_zygote_that_has_ended_is_made_anew_and_its_machines_run_on) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  start("default/s/f.1@1", true);
  const int first = zygote_of(bench_->keeper_pid());
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  start("default/s/f.2@1", true);
  EXPECT_NE(zygote_of(bench_->keeper_pid()), first);
  const auto all = bench_->driver().list();
  for (const InstanceStatus& each : *all) EXPECT_EQ(each.state, InstanceState::running) << each.id;
}

TEST_F(StartTiers, machines_end_with_their_keeper) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  start("default/s/f.1@1", true);
  const int pid = bench_->vmm().pid("default/s/f.1@1").value_or(0);
  const Fd machine(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  ASSERT_EQ(::kill(bench_->keeper_pid(), SIGKILL), 0);
  pollfd ended{machine.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
  DriverEvent event = next_event("default/s/f.1@1");
  if (event.kind == DriverEvent::Kind::ready) event = next_event("default/s/f.1@1");
  EXPECT_EQ(event.exit.kind, ExitKind::lost);
}

// Nobody would know which program it is.
TEST_F(StartTiers, a_loaded_spare_goes_with_the_driver_object) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  auto shell = bench_->driver().prepare({bench_->technology(), false});
  ASSERT_TRUE(shell);
  ASSERT_TRUE(
      bench_->driver().preloader()->preload(shell->id, bench_->spec("default/s/f.1@1", {"sleep"})));
  bench_->reopen();
  EXPECT_TRUE(bench_->driver().list()->empty());
}

TEST(VmmDriver, says_what_is_missing_and_leaves_nothing) {
  if (exists("/dev/kvm")) GTEST_SKIP() << "this host has KVM: the contract suite judges there";
  auto directory = TemporaryDirectory::make("driver-vmm");
  ASSERT_TRUE(directory);
  LocalNumbers numbers;
  VmmOptions options{.ids = numbers};
  options.state_dir = directory->path() + "/state";
  options.runtime_dir = directory->path() + "/run";
  options.log_dir = directory->path() + "/logs";
  options.keeper_program = KEEPER_PROGRAM;
  options.vmm_program = VMM_PROGRAM;
  ASSERT_TRUE(make_directories(options.runtime_dir));
  auto driver = VmmDriver::open(options);
  ASSERT_TRUE(driver) << driver.error().message;
  HostSupport support = (*driver)->check_host();
  EXPECT_FALSE(support.possible);
  ASSERT_EQ(support.missing.size(), 1u);
  EXPECT_TRUE(support.missing.front().starts_with("there is no /dev/kvm"));
  auto shell = (*driver)->prepare({"unikernel.vireo.kvm", false});
  ASSERT_FALSE(shell);
  EXPECT_EQ(shell.error().code, Errc::unsupported);
  EXPECT_TRUE((*driver)->list()->empty());
}

}  // namespace
}  // namespace vireo
