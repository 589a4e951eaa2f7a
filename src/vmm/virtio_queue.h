// SPDX-License-Identifier: Apache-2.0
// The device's side of a split virtqueue (virtio 1.1, 2.6). The driver's parts lie in the guest's
// memory and are hostile: each is read once, every address and length checked.
#pragma once
#include <sys/uio.h>

#include <cstdint>

#include "vmm/guest_memory.h"

namespace vireo::vmm {

class VirtioQueue {
 public:
  static constexpr uint32_t most_entries = 256, most_parts = 8;

  struct Chain {
    uint16_t head = 0;
    uint32_t part_count = 0;
    iovec parts[most_parts] = {};
    uint64_t bytes = 0;
  };

  // As the driver writes them; enable() checks.
  uint32_t size = 0;
  uint64_t descriptors = 0, available = 0, used = 0;
  bool enable(GuestMemory& memory);
  bool enabled() const { return enabled_; }

  // What a queue is beside the guest's memory. False: such a queue cannot be enabled.
  struct State {
    uint64_t descriptors, available, used;
    uint32_t size;
    uint16_t next, pushed, enabled;
  };
  State save() const;
  bool restore(const State& state, GuestMemory& memory);

  // The next chain that the driver has made available, without taking it: all of it readable by the
  // device, or (`writable`) all of it to write. False: none. A malformed chain: part_count 0.
  bool peek(bool writable, Chain& chain);
  // Takes it, and says how many bytes were written to it, at publish().
  void push(const Chain& chain, uint32_t bytes);
  void publish();

 private:
  bool gather(bool writable, Chain& chain);

  GuestMemory* memory_ = nullptr;
  const uint8_t* descriptors_at_ = nullptr;
  const uint8_t* available_at_ = nullptr;
  uint8_t* used_at_ = nullptr;
  uint16_t next_ = 0, pushed_ = 0;
  bool enabled_ = false;
};

}  // namespace vireo::vmm
