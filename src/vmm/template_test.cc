// SPDX-License-Identifier: Apache-2.0
// A machine's copy has its memory and its devices, and leaves the template as it was.
#include "vmm/template.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace vireo::vmm {
namespace {

constexpr uint64_t memory_bytes = 8u << 20, page = machine::page_bytes;
constexpr uint64_t written_at = machine::heap_begin + 5 * page;

class Template : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = Fd(::memfd_create("template", MFD_CLOEXEC));
    ASSERT_TRUE(file_);
    ASSERT_EQ(::ftruncate(file_.get(), memory_bytes + template_state_bytes), 0);
    ASSERT_TRUE(memory_.open(memory_bytes));
    memory_.own_as<uint64_t>(written_at) = 4711;
    state_.memory_bytes = memory_bytes;
    state_.page_tables = machine::page_tables;
    state_.writable_begin = machine::image_begin + page;
    state_.general.rip = machine::image_begin + 16;
  }
  const char* open(uint64_t bytes = memory_bytes) {
    return open_template(file_.get(), bytes, copy_, read_);
  }
  void write_state() {
    ASSERT_EQ(::pwrite(file_.get(), &state_, sizeof state_, memory_bytes),
              static_cast<ssize_t>(sizeof state_));
  }

  Fd file_;
  GuestMemory memory_, copy_;
  TemplateState state_, read_;
};

TEST_F(Template, a_copy_begins_with_the_memory_and_the_registers) {
  ASSERT_TRUE(write_template(file_.get(), memory_, state_));
  ASSERT_EQ(open(), nullptr);
  EXPECT_EQ(copy_.bytes(), memory_bytes);
  EXPECT_EQ(copy_.own_as<uint64_t>(written_at), 4711u);
  EXPECT_EQ(copy_.own_as<uint64_t>(written_at + page), 0u);
  EXPECT_EQ(copy_.writable_begin(), machine::image_begin + page);
  EXPECT_EQ(read_.general.rip, machine::image_begin + 16);
}

TEST_F(Template, what_a_copy_writes_no_other_sees) {
  ASSERT_TRUE(write_template(file_.get(), memory_, state_));
  ASSERT_EQ(open(), nullptr);
  copy_.own_as<uint64_t>(written_at) = 1;
  GuestMemory second;
  ASSERT_EQ(open_template(file_.get(), memory_bytes, second, read_), nullptr);
  EXPECT_EQ(second.own_as<uint64_t>(written_at), 4711u);
}

TEST_F(Template, pages_without_content_take_no_room) {
  ASSERT_TRUE(write_template(file_.get(), memory_, state_));
  struct stat status {};
  ASSERT_EQ(::fstat(file_.get(), &status), 0);
  EXPECT_EQ(status.st_blocks * 512, static_cast<blkcnt_t>(2 * page));  // written, state
}

TEST_F(Template, another_size_of_memory_is_refused) {
  ASSERT_TRUE(write_template(file_.get(), memory_, state_));
  EXPECT_STREQ(open(2 * memory_bytes), "is of another size of memory");
}

TEST_F(Template, another_version_is_refused) {
  state_.version++;
  write_state();
  EXPECT_STREQ(open(), "was made by another version");
}

TEST_F(Template, addresses_outside_of_the_machine_are_refused) {
  state_.writable_begin = machine::boot_page;
  write_state();
  EXPECT_STREQ(open(), "has impossible addresses");
  state_.writable_begin = machine::image_begin;
  state_.page_tables = memory_bytes;
  write_state();
  EXPECT_STREQ(open(), "has impossible addresses");
}

TEST_F(Template, a_device_goes_on_where_it_was) {
  VirtioNet device, copied;
  device.write(0x030, 1, memory_);
  device.write(0x038, 8, memory_);
  device.write(0x080, machine::heap_begin, memory_);
  device.write(0x090, machine::heap_begin + 1024, memory_);
  device.write(0x0a0, machine::heap_begin + 2048, memory_);
  device.write(0x044, 1, memory_);
  device.write(0x070, 15, memory_);
  memory_.own_as<uint16_t>(machine::heap_begin + 1024 + 2) = 1;  // a chain, malformed
  EXPECT_TRUE(device.flush());
  state_.devices[0] = device.save();
  ASSERT_TRUE(write_template(file_.get(), memory_, state_));
  ASSERT_EQ(open(), nullptr);
  ASSERT_TRUE(copied.restore(read_.devices[0], copy_));
  EXPECT_EQ(copied.read(0x070), 15u);
  EXPECT_FALSE(copied.flush()) << "it takes a chain a second time";
  copy_.own_as<uint16_t>(machine::heap_begin + 1024 + 2) = 2;
  EXPECT_TRUE(copied.flush());
  EXPECT_EQ(copy_.own_as<uint16_t>(machine::heap_begin + 2048 + 2), 2u);
}

TEST_F(Template, a_device_with_queues_outside_of_memory_is_refused) {
  VirtioNet::State state{};
  state.queues[0] = {memory_bytes, memory_bytes, memory_bytes, 8, 0, 0, 1};
  EXPECT_FALSE(VirtioNet().restore(state, memory_));
}

}  // namespace
}  // namespace vireo::vmm
