// SPDX-License-Identifier: Apache-2.0
// What a virtual machine takes of the processes that all share.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "driver/number_source.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"
#include "keeper/keeper_client.h"

namespace vireo {
namespace {

// A driver with a keeper of its own; its machines are processes that only speak as one would.
class Machines : public testing::Test {
 protected:
  void SetUp() override {
    if (!probe_kvm(open_kvm()).runs_user_mode()) GTEST_SKIP() << "not run: there is no KVM";
    options_.state_dir = directory_.path() + "/state";
    options_.runtime_dir = directory_.path() + "/run";
    options_.log_dir = directory_.path() + "/logs";
    options_.keeper_program = KEEPER_PROGRAM;
    options_.vmm_program = FAKE_VMM;
    options_.quickest = StartTier::cold;  // no template's descriptor is among them
    ASSERT_TRUE(make_directories(options_.runtime_dir));
    ASSERT_TRUE(open_path(directory_.path() + "/function.elf", O_WRONLY | O_CREAT, 0644));
    open();
    keeper_ = *KeeperClient::connect(options_.runtime_dir, KEEPER_PROGRAM);
  }
  void open() {
    driver_.reset();
    auto opened = VmmDriver::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    driver_ = *std::move(opened);
  }
  void TearDown() override {
    if (!keeper_) return;
    const auto all = driver_->list();
    for (const InstanceStatus& each : *all) EXPECT_TRUE(driver_->destroy(each.id));
    driver_.reset();
    EXPECT_TRUE(keeper_->retire());
  }

  InstanceSpec machine(int number) const {
    InstanceSpec spec;
    spec.id = "default/many/f" + std::to_string(number) + ".1@1";
    spec.technology = "unikernel.vireo.kvm";
    spec.root.layers = {directory_.path()};
    spec.function.emplace();
    spec.ports.resize(1);
    return spec;
  }
  // Until it has said that it is ready, and the keeper has what it is to hold.
  void start(int number) {
    auto shell = driver_->prepare({"unikernel.vireo.kvm", false});
    ASSERT_TRUE(shell) << shell.error().message;
    std::vector<PortEndpoint> ports(1);
    ports[0].kind = PortKind::tap;
    ports[0].fd = *open_path("/dev/null", O_RDWR);
    auto started = driver_->start(shell->id, machine(number), std::move(ports), nullptr);
    ASSERT_TRUE(started) << started.error().message;
    const std::vector<DriverEvent> events = next_events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, DriverEvent::Kind::ready);
    EXPECT_EQ(events[0].id, machine(number).id);
    driver_->rest();
    ASSERT_TRUE(keeper_->list());
  }
  // A socket that hangs up is no event yet when its process has been reaped already: the keeper's
  // word comes after it.
  std::vector<DriverEvent> next_events() {
    std::vector<DriverEvent> events;
    pollfd wanted{driver_->event_fd(), POLLIN, 0};
    while (events.empty() && ::poll(&wanted, 1, 10'000) == 1) events = driver_->take_events();
    return events;
  }
  static size_t descriptors_of(const std::string& process) {
    return list_directory("/proc/" + process + "/fd").value_or({}).size();
  }
  size_t own() const { return descriptors_of("self"); }
  size_t of_keeper() const { return descriptors_of(std::to_string(keeper_->keeper_pid())); }

  TemporaryDirectory directory_ = *TemporaryDirectory::make("driver-vmm");
  LocalNumbers numbers_;
  VmmOptions options_{.ids = numbers_};
  std::unique_ptr<VmmDriver> driver_;
  std::unique_ptr<KeeperClient> keeper_;
};

// With 20,000 descriptors for a process, as root has on many hosts, 8,000 machines need this.
TEST_F(Machines, each_takes_two_descriptors_of_the_daemon) {
  start(0);
  const size_t few = own(), held = of_keeper();
  for (int number = 1; number <= 5; number++) start(number);
  EXPECT_EQ(own() - few, 5u * 2) << "its agent's socket and its vitals";
  EXPECT_EQ(of_keeper() - held, 5u * 6) << "those, its port, its pidfd and its two outputs";
  open();
  EXPECT_EQ(own() - few, 5u * 2) << "a later daemon";
  EXPECT_EQ(driver_->list()->size(), 6u);
}

TEST_F(Machines, is_asked_and_killed_through_the_keeper) {
  start(0);
  ASSERT_TRUE(driver_->stop(machine(0).id, StopKind::kill));
  const std::vector<DriverEvent> events = next_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, DriverEvent::Kind::exited);
  EXPECT_EQ(events[0].exit.kind, ExitKind::killed);
}

}  // namespace
}  // namespace vireo
