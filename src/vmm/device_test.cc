// SPDX-License-Identifier: Apache-2.0
// A network device between a guest's queues, some of them hostile, and a packet socket pair in the
// place of a tap.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "vmm/virtio_net.h"

namespace vireo::vmm {
namespace {

constexpr uint64_t memory_bytes = 8u << 20, rings = machine::heap_begin;
constexpr uint32_t size = 8;

struct Descriptor {
  uint64_t address;
  uint32_t bytes;
  uint16_t flags, next;
};
constexpr uint16_t has_next = 1, writable = 2;

class Device : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(memory_.open(memory_bytes));
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    near_ = Fd(ends[0]);
    far_ = Fd(ends[1]);
    device_.plug(near_.get());
    for (uint32_t queue : {0u, 1u}) enable(queue, base(queue));
  }
  static uint64_t base(uint32_t queue) { return rings + queue * 4096; }
  void enable(uint32_t queue, uint64_t at) {
    device_.write(0x030, queue, memory_);
    device_.write(0x038, size, memory_);
    device_.write(0x080, static_cast<uint32_t>(at), memory_);
    device_.write(0x090, static_cast<uint32_t>(at) + 1024, memory_);
    device_.write(0x0a0, static_cast<uint32_t>(at) + 2048, memory_);
    device_.write(0x044, 1, memory_);
  }
  void describe(uint32_t queue, uint16_t entry, const Descriptor& part) {
    memory_.own_as<Descriptor>(base(queue) + 16ull * entry) = part;
  }
  void offer(uint32_t queue, uint16_t head) {
    auto& index = memory_.own_as<uint16_t>(base(queue) + 1024 + 2);
    memory_.own_as<uint16_t>(base(queue) + 1024 + 4 + 2ull * (index % size)) = head;
    index++;
  }
  uint16_t used(uint32_t queue) { return memory_.own_as<uint16_t>(base(queue) + 2048 + 2); }
  uint32_t used_bytes(uint32_t queue, uint32_t at) {
    return memory_.own_as<uint32_t>(base(queue) + 2048 + 4 + 8ull * at + 4);
  }
  std::string received() {
    std::string bytes(70000, '\0');
    const ssize_t got = ::recv(far_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

  GuestMemory memory_;
  VirtioNet device_;
  Fd near_, far_;
};

constexpr uint64_t buffer = rings + 65536;

TEST_F(Device, a_packet_leaves_without_the_two_bytes_of_its_longer_header) {
  std::memcpy(memory_.own(buffer), "0123456789xxframe", 17);
  describe(1, 3, {buffer, 17, 0, 0});
  offer(1, 3);
  EXPECT_TRUE(device_.flush());
  EXPECT_EQ(received(), "0123456789frame");
  EXPECT_EQ(used(1), 1);
  EXPECT_FALSE(device_.flush());
}

TEST_F(Device, a_packet_of_several_parts_leaves_as_one) {
  std::memcpy(memory_.own(buffer), "0123456789xx", 12);
  std::memcpy(memory_.own(buffer + 100), "frame", 5);
  describe(1, 0, {buffer, 12, has_next, 1});
  describe(1, 1, {buffer + 100, 5, 0, 0});
  offer(1, 0);
  EXPECT_TRUE(device_.flush());
  EXPECT_EQ(received(), "0123456789frame");
}

TEST_F(Device, a_packet_comes_in_with_its_number_of_buffers) {
  describe(0, 0, {buffer, 100, writable, 0});
  offer(0, 0);
  EXPECT_FALSE(device_.fill());
  EXPECT_TRUE(device_.has_room());
  ASSERT_EQ(::send(far_.get(), "0123456789frame", 15, 0), 15);
  EXPECT_TRUE(device_.fill());
  EXPECT_EQ(
      std::string(reinterpret_cast<char*>(memory_.own(buffer)), 17),
      std::string("0123456789\1\0frame", 17));  // NOLINT(bugprone-string-literal-with-embedded-nul)
  EXPECT_EQ(used_bytes(0, 0), 17u);
  EXPECT_FALSE(device_.has_room());
}

TEST_F(Device, it_looks_for_one_packet_and_for_more_when_there_are_more) {
  for (uint16_t entry = 0; entry < size; entry++) {
    describe(0, entry, {buffer + entry * 100u, 100, writable, 0});
    offer(0, entry);
    ASSERT_EQ(::send(far_.get(), "0123456789frame", 15, 0), 15);
  }
  for (int filled : {1, 3, 7, 8}) {
    EXPECT_TRUE(device_.fill());
    EXPECT_EQ(used(0), filled);
  }
  EXPECT_FALSE(device_.fill());
  for (uint16_t entry = 0; entry < 2; entry++) {
    offer(0, entry);
    ASSERT_EQ(::send(far_.get(), "0123456789frame", 15, 0), 15);
  }
  EXPECT_TRUE(device_.fill());
  EXPECT_EQ(used(0), 9) << "nothing had come: one is expected again";
}

// Each of these would reach outside what the guest may have read or written.
TEST_F(Device, hostile_chains_move_nothing) {
  const Descriptor hostile[] = {{memory_bytes - 8, 64, 0, 0},      // over the end
                                {~0ull - 8, 64, 0, 0},             // wraps
                                {machine::page_tables, 64, 0, 0},  // the machine's own
                                {buffer, 0, 0, 0},                 // empty
                                {buffer, 8, 0, 0},                 // less than a header
                                {buffer, 64, writable, 0},         // of the other kind
                                {buffer, 64, has_next, 0},         // a ring
                                {buffer, 64, has_next, size},      // no such descriptor
                                {buffer, 0xffffffff, 0, 0}};
  uint16_t count = 0;
  for (const Descriptor& part : hostile) {
    describe(1, 0, part);
    offer(1, 0);
    EXPECT_TRUE(device_.flush());
    EXPECT_EQ(used(1), ++count) << "it is given back";
    EXPECT_EQ(received(), "");
  }
  offer(1, 999);
  EXPECT_TRUE(device_.flush());
  EXPECT_EQ(received(), "");
}

TEST_F(Device, nothing_comes_in_over_code_or_constants) {
  memory_.set_writable_begin(buffer);
  describe(0, 0, {buffer - 50, 100, writable, 0});
  offer(0, 0);
  ASSERT_EQ(::send(far_.get(), "0123456789frame", 15, 0), 15);
  EXPECT_TRUE(device_.fill());
  EXPECT_EQ(used_bytes(0, 0), 0u);
  EXPECT_EQ(*memory_.own(buffer - 50), 0);
}

// A ring is what it was when it was enabled: a size that grows later would reach behind it.
TEST_F(Device, a_queue_in_use_does_not_change) {
  device_.write(0x030, 1, memory_);
  device_.write(0x038, 256, memory_);
  device_.write(0x0a0, static_cast<uint32_t>(memory_bytes), memory_);
  describe(1, 100, {buffer, 17, 0, 0});
  offer(1, 100);
  EXPECT_TRUE(device_.flush());
  EXPECT_EQ(received(), "");
  EXPECT_EQ(used(1), 1);
}

TEST_F(Device, a_ring_outside_memory_needs_a_reset) {
  for (uint64_t at : {memory_bytes - 512, uint64_t{machine::boot_page}, uint64_t{rings + 1}}) {
    device_.write(0x070, 0, memory_);
    enable(0, at);
    EXPECT_EQ(device_.read(0x044), 0u);
    EXPECT_EQ(device_.read(0x070) & 64, 64u);
    EXPECT_FALSE(device_.fill());
  }
}

}  // namespace
}  // namespace vireo::vmm
