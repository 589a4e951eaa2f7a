// SPDX-License-Identifier: Apache-2.0
#include "unikernel/virtio_net.h"

namespace vireo::unikernel {

namespace {

// virtio 1.1, 4.2.2 (registers), 2.1 (status), 5.1.3 and 6 (features).
constexpr uint64_t magic_value = 0x000, version = 0x004, device_id = 0x008;
constexpr uint64_t device_features = 0x010, device_features_select = 0x014;
constexpr uint64_t driver_features = 0x020, driver_features_select = 0x024;
constexpr uint64_t queue_select = 0x030, queue_size = 0x038, queue_ready = 0x044;
constexpr uint64_t queue_notify = 0x050, status = 0x070;
constexpr uint64_t queue_descriptors = 0x080, queue_driver = 0x090, queue_device = 0x0a0;
constexpr uint32_t acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8;
constexpr uint32_t network_card = 1, mmio_magic = 0x74726976, mmio_version = 2;
constexpr uint16_t has_next = 1, writable = 2, no_interrupt = 1, no_notify = 1;
// Partial checksums and large TCP segments, both ways; version 1.
constexpr uint32_t wanted_low = 1u << 0 | 1u << 1 | 1u << 7 | 1u << 8 | 1u << 11 | 1u << 12;
constexpr uint32_t wanted_high = 1u << 0;

uint16_t load(const uint16_t& at) { return __atomic_load_n(&at, __ATOMIC_ACQUIRE); }
void publish(uint16_t& at, uint16_t value) { __atomic_store_n(&at, value, __ATOMIC_RELEASE); }

uint32_t low(const void* at) { return static_cast<uint32_t>(reinterpret_cast<uint64_t>(at)); }

// From the header of 12 bytes in front of the frame to the one of 10, and back.
void move_header(uint8_t* frame, uint32_t from, uint32_t to) {
  uint64_t fields;
  uint16_t last;
  __builtin_memcpy(&fields, frame - from, 8);
  __builtin_memcpy(&last, frame - from + 8, 2);
  __builtin_memcpy(frame - to, &fields, 8);
  __builtin_memcpy(frame - to + 8, &last, 2);
}

}  // namespace

bool VirtioNet::open(uint64_t registers) {
  registers_ = registers;
  if (registers_ != 0 && at(magic_value) == mmio_magic && at(version) == mmio_version &&
      at(device_id) == network_card && negotiate())
    return true;
  registers_ = 0;
  return false;
}

bool VirtioNet::negotiate() {
  at(status) = acknowledge | driver;
  at(device_features_select) = 0;
  const uint32_t offered = at(device_features);
  at(driver_features_select) = 0;
  at(driver_features) = offered & wanted_low;
  at(driver_features_select) = 1;
  at(driver_features) = wanted_high;
  at(status) = acknowledge | driver | features_ok;
  if ((at(status) & features_ok) == 0) return false;
  transmit_.available.flags = no_interrupt;  // what was sent is looked at before each wait
  set_queue(0, receive_);
  set_queue(1, transmit_);
  at(status) = acknowledge | driver | features_ok | driver_ok;
  return true;
}

// Memory ends below 4 GiB: the high halves of addresses stay 0, as they are after a reset.
void VirtioNet::set_queue(uint32_t number, Ring& ring) {
  at(queue_select) = number;
  at(queue_size) = ring_entries;
  at(queue_descriptors) = low(&ring.descriptors);
  at(queue_driver) = low(&ring.available);
  at(queue_device) = low(&ring.used);
  at(queue_ready) = 1;
}

uint32_t VirtioNet::take(vnf::Packet* packets, uint32_t room) {
  uint32_t taken = 0;
  const uint16_t filled = load(receive_.used.index);
  while (taken < room && receive_seen_ != filled) {
    const auto& entry = receive_.used.ring[receive_seen_++ % ring_entries];
    uint8_t* frame = receive_slots_[entry.id % ring_packets];
    move_header(frame, device_header_bytes, sizeof(vnf::VirtioNetHeader));
    vnf::Packet& packet = packets[taken++];
    packet.data = frame;
    packet.vnet = reinterpret_cast<vnf::VirtioNetHeader*>(frame - sizeof(vnf::VirtioNetHeader));
    packet.length = entry.bytes > device_header_bytes ? entry.bytes - device_header_bytes : 0;
    packet.out = vnf::to_nowhere;
    packet.drop = vnf::drop_policy;
    packet.rest_bytes = 0;
    posted_--;
  }
  return taken;
}

bool VirtioNet::put(const vnf::Packet& packet) {
  const uint16_t next = transmit_.available.index;
  if (static_cast<uint16_t>(next - transmit_seen_) >= ring_packets) return false;
  const uint16_t entry = next % ring_packets, behind = entry + ring_packets;
  const bool split = packet.rest_bytes > 0;
  uint8_t* header = packet.data - device_header_bytes;
  move_header(packet.data, sizeof(vnf::VirtioNetHeader), device_header_bytes);
  __builtin_memset(packet.data - 2, 0, 2);
  transmit_slots_[entry] = header;
  transmit_.descriptors[entry] = {reinterpret_cast<uint64_t>(header),
                                  packet.length + device_header_bytes,
                                  split ? has_next : uint16_t{0}, behind};
  if (split)
    transmit_.descriptors[behind] = {reinterpret_cast<uint64_t>(packet.rest), packet.rest_bytes, 0,
                                     0};
  transmit_.available.ring[next % ring_entries] = entry;
  publish(transmit_.available.index, static_cast<uint16_t>(next + 1));
  return true;
}

void VirtioNet::refill(Slots& slots, uint32_t most) {
  const uint16_t sent = load(transmit_.used.index);
  while (transmit_seen_ != sent)
    slots.give(
        transmit_slots_[transmit_.used.ring[transmit_seen_++ % ring_entries].id % ring_packets]);
  uint16_t next = receive_.available.index;
  for (; posted_ < most; posted_++, next++) {
    uint8_t* frame = slots.take();
    if (frame == nullptr) break;
    const uint16_t entry = next % ring_packets;
    receive_slots_[entry] = frame;
    receive_.descriptors[entry] = {reinterpret_cast<uint64_t>(frame - device_header_bytes),
                                   frame_room + device_header_bytes, writable, 0};
    receive_.available.ring[next % ring_entries] = entry;
  }
  publish(receive_.available.index, next);
}

// The device says whether it looks by itself (2.6.10): the index must be out before that is read.
void VirtioNet::notify() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  auto tell = [this](uint32_t number, Ring& ring, uint16_t& told) {
    if (ring.available.index == told) return;
    told = ring.available.index;
    if ((load(ring.used.flags) & no_notify) == 0) at(queue_notify) = number;
  };
  tell(0, receive_, receive_told_);
  tell(1, transmit_, transmit_told_);
}

}  // namespace vireo::unikernel
