// SPDX-License-Identifier: Apache-2.0
// Driver of one virtio network device (virtio 1.1, 5.1) behind virtio-mmio (4.2). vireo-vmm's looks
// at its queues when the guest waits; another is notified.
#pragma once
#include "unikernel/slots.h"
#include "vnf/packet.h"

namespace vireo::unikernel {

// Half of the descriptors begin a packet, the others stand for the rest of one.
inline constexpr uint16_t ring_entries = 128, ring_packets = ring_entries / 2;

// A split virtqueue (2.6), both sides' parts in one page.
struct alignas(4096) Ring {
  struct {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags, next;
  } descriptors[ring_entries];
  struct {
    uint16_t flags, index, ring[ring_entries];
  } available;
  struct alignas(4) {
    uint16_t flags, index;
    struct {
      uint32_t id, bytes;
    } ring[ring_entries];
  } used;
};
static_assert(sizeof(Ring) == 4096);

class VirtioNet {
 public:
  // Negotiates and gives the device its queues; false: there is no such device.
  bool open(uint64_t registers);
  bool is_open() const { return registers_ != 0; }

  // Slots that the device has filled since, as packets without `in`; at most `room`.
  uint32_t take(vnf::Packet* packets, uint32_t room);
  // Gives the packet's slot to the device, to be sent at the next wait; false: the queue is full.
  bool put(const vnf::Packet& packet);
  // Slots of packets that were sent go back to the pool; empty ones are given to the device.
  void refill(Slots& slots, uint32_t most);
  // What it was given since the last time.
  void notify();

 private:
  bool negotiate();
  void set_queue(uint32_t number, Ring& ring);
  volatile uint32_t& at(uint64_t offset) {
    return *reinterpret_cast<volatile uint32_t*>(registers_ + offset);
  }

  uint64_t registers_ = 0;
  Ring receive_{}, transmit_{};
  uint8_t* receive_slots_[ring_packets] = {};
  uint8_t* transmit_slots_[ring_packets] = {};
  uint16_t receive_seen_ = 0, transmit_seen_ = 0;  // of the device's used indices
  uint16_t receive_told_ = 0, transmit_told_ = 0;  // of our available indices
  uint16_t posted_ = 0;                            // empty slots that the device has
};

}  // namespace vireo::unikernel
