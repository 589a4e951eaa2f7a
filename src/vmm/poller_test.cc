// SPDX-License-Identifier: Apache-2.0
// Two threads and what only one of them may touch at a time.
#include "vmm/poller.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace vireo::vmm {
namespace {

// Written without locks by both: the sanitizers and the sum would show a thread too many.
struct Devices {
  std::atomic<uint64_t> turns = 0;
  uint64_t sum = 0;
  bool busy = false;
};

bool turn(void* subject) {
  auto& devices = *static_cast<Devices*>(subject);
  if (devices.busy) ::_exit(1);
  devices.busy = true;
  devices.sum++;
  devices.busy = false;
  devices.turns.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void wait_for_turn(const Devices& devices, uint64_t before) {
  while (devices.turns.load() == before) ::usleep(10);
}

// Its thread lives as long as the process: one for all tests.
struct Started {
  Devices devices;
  Poller poller;
  bool good = poller.start(turn, &devices);
};
Started& started() {
  static auto& one = *new Started;
  return one;
}

TEST(Poller, it_takes_turns_from_give_to_take_alone) {
  auto& [devices, poller, good] = started();
  ASSERT_TRUE(good);
  EXPECT_TRUE(poller.started());
  const uint64_t before = devices.turns.load();
  poller.give();
  wait_for_turn(devices, before);
  poller.take();
  const uint64_t taken = devices.turns.load();
  ::usleep(5000);
  EXPECT_EQ(devices.turns.load(), taken);
}

TEST(Poller, it_wakes_when_it_has_slept) {
  auto& [devices, poller, good] = started();
  ASSERT_TRUE(good);
  for (int round = 0; round < 20; round++) {
    ::usleep(2000);  // longer than its patience
    const uint64_t before = devices.turns.load();
    poller.give();
    wait_for_turn(devices, before);
    poller.take();
  }
}

TEST(Poller, never_both_have_the_devices) {
  auto& [devices, poller, good] = started();
  ASSERT_TRUE(good);
  uint64_t own = 0;
  const uint64_t before = devices.sum - devices.turns.load();
  for (int round = 0; round < 20000; round++) {
    poller.give();
    poller.take();
    if (devices.busy) ::_exit(1);
    devices.busy = true;
    devices.sum++;
    own++;
    devices.busy = false;
  }
  EXPECT_EQ(devices.sum - devices.turns.load() - before, own);
}

TEST(Poller, without_a_start_it_has_no_thread) { EXPECT_FALSE(Poller().started()); }

}  // namespace
}  // namespace vireo::vmm
