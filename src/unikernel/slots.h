// SPDX-License-Identifier: Apache-2.0
// Room for packets, one slot each; pages of a slot exist only once they are touched.
#pragma once
#include "unikernel/control.h"
#include "vnf/packet.h"

namespace vireo::unikernel {

inline constexpr uint32_t slot_bytes = 17 * 4096;
// The device writes a header of 12 bytes (virtio 1.1, 5.1.6.1), functions know one of 10: the two
// of `num_buffers` lie between.
inline constexpr uint32_t device_header_bytes = 12;
inline constexpr uint32_t frame_room = vnf::frame_bytes;

// Slots start at differing places within their page, else all headers of a batch would share one
// set of the first-level cache.
constexpr uint32_t frame_offset(uint32_t slot) { return 128 + slot % 16 * 128; }
static_assert(frame_offset(15) + frame_room <= slot_bytes);
static_assert(frame_offset(0) >= device_header_bytes + vnf::packet_headroom);

class Slots {
 public:
  static constexpr uint32_t most = 1024;
  // Room for `count` packets, or as many as fit half of what the heap has left.
  void open(uint32_t count) {
    const uint64_t fit = heap_left() / 2 / slot_bytes;
    count_ = static_cast<uint32_t>(fit < count ? fit : count);
    if (count_ > most) count_ = most;
    base_ = static_cast<uint8_t*>(heap(uint64_t{count_} * slot_bytes));
    for (uint32_t i = count_; i > 0; i--) free_[free_count_++] = frame(i - 1);
  }
  uint32_t count() const { return count_; }
  // Where a frame begins in a free slot, the one used last; nullptr: none is free.
  uint8_t* take() { return free_count_ == 0 ? nullptr : free_[--free_count_]; }
  // Any address within the slot.
  void give(const uint8_t* at) {
    free_[free_count_++] = frame(static_cast<uint32_t>(at - base_) / slot_bytes);
  }

 private:
  uint8_t* frame(uint32_t slot) { return base_ + uint64_t{slot} * slot_bytes + frame_offset(slot); }

  uint8_t* base_ = nullptr;
  uint32_t count_ = 0, free_count_ = 0;
  uint8_t* free_[most] = {};
};

}  // namespace vireo::unikernel
