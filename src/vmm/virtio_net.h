// SPDX-License-Identifier: Apache-2.0
// A virtio network device (virtio 1.1, 5.1) behind virtio-mmio (4.2) on a tap with virtio_net
// headers of 10 bytes. It never interrupts: it is looked after whenever the guest waits.
#pragma once
#include "vmm/virtio_queue.h"

namespace vireo::vmm {

class VirtioNet {
 public:
  // The guest's reads and writes of its registers; `offset` within them.
  uint32_t read(uint32_t offset) const;
  void write(uint32_t offset, uint32_t value, GuestMemory& memory);

  void plug(int tap) { tap_ = tap; }
  int tap() const { return tap_; }

  // All but the tap. False: impossible queues.
  struct State {
    VirtioQueue::State queues[2];
    uint32_t queue_select, device_features_select, driver_features_select, status;
  };
  State save() const;
  bool restore(const State& state, GuestMemory& memory);

  // Sends what the guest has queued. True: there was something.
  bool flush();
  // Takes what lies in the tap, as far as the guest gave room; at first as much as came the last
  // time, twice that as long as there is more. True: there was something.
  bool fill();
  // Lays a frame before the guest as if it came from the tap; lost if there is no room.
  void put(const uint8_t* frame, uint32_t bytes);
  // Whether the guest gave room that nothing has come into yet.
  bool has_room();

 private:
  VirtioQueue& selected() { return queues_[queue_select_ & 1]; }
  void reset();
  bool receive(VirtioQueue::Chain& chain);

  int tap_ = -1;
  uint32_t expected_ = 1;  // packets at the next look: to find that there is no other costs a call
  VirtioQueue queues_[2];  // receive, transmit
  uint32_t queue_select_ = 0, device_features_select_ = 0, driver_features_select_ = 0;
  uint32_t status_ = 0;
};

}  // namespace vireo::vmm
