// SPDX-License-Identifier: Apache-2.0
// What a rehearsal wrote is taken back, page by page; what it asks is a segment that any stack
// takes.
#include "vmm/rehearsal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "vmm/template.h"
#include "vnf/checksum.h"

namespace vireo::vmm {
namespace {

constexpr uint64_t memory_bytes = 8u << 20, page = machine::page_bytes;

class Rehearsal : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = Fd(::memfd_create("template", MFD_CLOEXEC));
    pagemap_ = Fd(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file_ && pagemap_);
    ASSERT_EQ(::ftruncate(file_.get(), memory_bytes + template_state_bytes), 0);
    ASSERT_TRUE(memory_.open(memory_bytes));
    for (uint64_t at : {page, 700 * page, memory_bytes - page}) memory_.own_as<uint64_t>(at) = at;
    ASSERT_TRUE(write_template(file_.get(), memory_, {}));
  }
  bool is_as_the_template(GuestMemory& memory) {
    std::string content(memory_bytes, '\0');
    EXPECT_EQ(::pread(file_.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(memory_bytes));
    return std::memcmp(memory.own(0), content.data(), memory_bytes) == 0;
  }

  Fd file_, pagemap_;
  GuestMemory memory_;
};

TEST_F(Rehearsal, written_pages_are_as_before) {
  GuestMemory copy;
  ASSERT_TRUE(copy.open_copy(file_.get(), memory_bytes));
  for (uint64_t at = 0; at < memory_bytes; at += 3 * page) copy.own_as<uint64_t>(at + 8) = 1;
  std::memset(copy.own(511 * page), 7, 3 * page);  // over the end of what is looked at together
  std::memset(copy.own(memory_bytes - 2 * page), 7, 2 * page);
  ASSERT_FALSE(is_as_the_template(copy));
  ASSERT_TRUE(restore_copied_pages(pagemap_.get(), file_.get(), copy));
  EXPECT_TRUE(is_as_the_template(copy));
}

TEST_F(Rehearsal, a_machine_that_booted_becomes_a_copy) {
  memory_.own_as<uint64_t>(5 * page) = 1;
  ASSERT_TRUE(memory_.become_copy(file_.get()));
  EXPECT_TRUE(is_as_the_template(memory_));
  memory_.own_as<uint64_t>(5 * page) = 1;
  ASSERT_TRUE(memory_.become_copy(file_.get()));  // it is one: nothing changes
  EXPECT_EQ(memory_.own_as<uint64_t>(5 * page), 1u);
  ASSERT_TRUE(restore_copied_pages(pagemap_.get(), file_.get(), memory_));
  EXPECT_TRUE(is_as_the_template(memory_));
}

TEST_F(Rehearsal, a_template_that_is_shorter_is_an_error) {
  GuestMemory copy;
  ASSERT_TRUE(copy.open_copy(file_.get(), memory_bytes));
  copy.own_as<uint64_t>(memory_bytes - page) = 1;
  const Fd empty(::memfd_create("empty", MFD_CLOEXEC));
  EXPECT_FALSE(restore_copied_pages(pagemap_.get(), empty.get(), copy));
}

vnf::AbiPort port_with(const uint8_t (&address)[4], const uint8_t (&neighbour)[4]) {
  vnf::AbiPort port{};
  const uint8_t own[6] = {2, 0, 0, 0, 9, 9}, other[6] = {2, 0, 0, 0, 8, 8};
  std::memcpy(port.mac, own, 6);
  port.address_count = 2;
  port.addresses[0].family = 6;
  port.addresses[1].family = 4;
  std::memcpy(port.addresses[1].bytes, address, 4);
  port.neighbour_count = 1;
  port.neighbours[0].address.family = 4;
  std::memcpy(port.neighbours[0].address.bytes, neighbour, 4);
  std::memcpy(port.neighbours[0].mac, other, 6);
  return port;
}

// With the header that the frame would have from the tap.
vnf::Headers parsed(uint8_t* frame) {
  static vnf::VirtioNetHeader header;
  header = {};
  vnf::Packet packet{};
  packet.data = frame;
  packet.vnet = &header;
  packet.length = rehearsal_frame_bytes;
  vnf::Headers headers{};
  EXPECT_TRUE(vnf::parse(packet, headers));
  EXPECT_TRUE(vnf::transport_checksum_valid(packet, headers));
  return headers;
}

TEST(RehearsalFrame, is_a_first_segment_from_a_neighbour) {
  uint8_t frame[rehearsal_frame_bytes];
  const vnf::AbiPort port = port_with({10, 1, 0, 10}, {10, 1, 0, 1});
  write_rehearsal_frame(port, frame);
  const vnf::Headers headers = parsed(frame);
  EXPECT_EQ(std::memcmp(frame, port.mac, 6), 0);
  EXPECT_EQ(std::memcmp(frame + 6, port.neighbours[0].mac, 6), 0);
  EXPECT_EQ(std::memcmp(headers.source(), port.neighbours[0].address.bytes, 4), 0);
  EXPECT_EQ(std::memcmp(headers.destination(), port.addresses[1].bytes, 4), 0);
  EXPECT_EQ(vnf::ipv4_checksum(vnf::Ipv4{frame + 14}), vnf::Ipv4{frame + 14}.checksum());
  EXPECT_EQ(vnf::Tcp{frame + 34}.flags(), vnf::Tcp::syn);
}

TEST(RehearsalFrame, of_a_port_without_addresses_is_between_documentation_addresses) {
  uint8_t frame[rehearsal_frame_bytes];
  write_rehearsal_frame({}, frame);
  EXPECT_EQ(parsed(frame).source()[0], 192);
}

TEST(RehearsalFrame, impossible_counts_are_bounded) {
  uint8_t frame[rehearsal_frame_bytes];
  vnf::AbiPort port{};
  port.address_count = port.neighbour_count = ~0u;
  write_rehearsal_frame(port, frame);
  EXPECT_EQ(parsed(frame).destination()[3], 2);
}

}  // namespace
}  // namespace vireo::vmm
