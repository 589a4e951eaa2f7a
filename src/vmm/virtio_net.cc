// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio_net.h"

#include <sys/uio.h>

namespace vireo::vmm {

namespace {

constexpr uint32_t tap_header = 10, guest_header = 12;
// Both ways: partial checksums and TCP segments (virtio 1.1, 5.1.3); version 1 (6).
constexpr uint64_t features = 1ull << 0 | 1ull << 1 | 1ull << 7 | 1ull << 8 | 1ull << 9 |
                              1ull << 11 | 1ull << 12 | 1ull << 13 | 1ull << 32;
constexpr uint32_t needs_reset = 64;

// The guest's header is two bytes longer than the tap's: those of `num_buffers`, behind it.
// 0: the chain begins with less than a header.
uint32_t tap_parts(const VirtioQueue::Chain& chain, iovec* parts) {
  if (chain.part_count == 0 || chain.parts[0].iov_len < guest_header) return 0;
  auto* head = static_cast<uint8_t*>(chain.parts[0].iov_base);
  uint32_t count = 0;
  parts[count++] = {head, tap_header};
  if (chain.parts[0].iov_len > guest_header)
    parts[count++] = {head + guest_header, chain.parts[0].iov_len - guest_header};
  for (uint32_t i = 1; i < chain.part_count; i++) parts[count++] = chain.parts[i];
  return count;
}

}  // namespace

uint32_t VirtioNet::read(uint32_t offset) const {
  const VirtioQueue& queue = queues_[queue_select_ & 1];
  switch (offset) {
    case 0x000:
      return 0x74726976;  // "virt"
    case 0x004:
      return 2;  // version
    case 0x008:
      return 1;  // a network card
    case 0x00c:
      return 0x6f726976;  // vendor
    case 0x010:
      return device_features_select_ > 1
                 ? 0
                 : static_cast<uint32_t>(features >> (32 * device_features_select_));
    case 0x034:
      return queue_select_ < 2 ? VirtioQueue::most_entries : 0;
    case 0x044:
      return queue_select_ < 2 && queue.enabled() ? 1 : 0;
    case 0x070:
      return status_;
    default:
      return 0;
  }
}

void VirtioNet::reset() {
  queues_[0] = queues_[1] = VirtioQueue();
  queue_select_ = device_features_select_ = driver_features_select_ = 0;
}

void VirtioNet::write(uint32_t offset, uint32_t value, GuestMemory& memory) {
  auto low = [value](uint64_t& at) { at = (at & ~0xffffffffull) | value; };
  auto high = [value](uint64_t& at) { at = (at & 0xffffffffull) | uint64_t{value} << 32; };
  VirtioQueue& queue = selected();
  // A queue in use stays as enable() has checked it.
  if (queue.enabled() && (offset == 0x038 || (offset >= 0x080 && offset <= 0x0a4))) return;
  switch (offset) {
    case 0x014:
      device_features_select_ = value;
      break;
    case 0x024:
      driver_features_select_ = value;
      break;
    case 0x030:
      queue_select_ = value;
      break;
    case 0x038:
      queue.size = value;
      break;
    case 0x044:
      if (value == 1 && queue_select_ < 2 && !queue.enable(memory)) status_ |= needs_reset;
      break;
    case 0x070:
      status_ = value;
      if (value == 0) reset();
      break;
    case 0x080:
      low(queue.descriptors);
      break;
    case 0x084:
      high(queue.descriptors);
      break;
    case 0x090:
      low(queue.available);
      break;
    case 0x094:
      high(queue.available);
      break;
    case 0x0a0:
      low(queue.used);
      break;
    case 0x0a4:
      high(queue.used);
      break;
    default:
      break;  // as 4.2.2 asks: ignored
  }
}

VirtioNet::State VirtioNet::save() const {
  return {{queues_[0].save(), queues_[1].save()},
          queue_select_,
          device_features_select_,
          driver_features_select_,
          status_};
}

bool VirtioNet::restore(const State& state, GuestMemory& memory) {
  queue_select_ = state.queue_select;
  device_features_select_ = state.device_features_select;
  driver_features_select_ = state.driver_features_select;
  status_ = state.status;
  return queues_[0].restore(state.queues[0], memory) && queues_[1].restore(state.queues[1], memory);
}

// A tap never says "full": its write carries the packet into the receiver's stack, or drops it.
bool VirtioNet::flush() {
  bool any = false;
  VirtioQueue::Chain chain;
  for (uint32_t i = 0; i < VirtioQueue::most_entries && queues_[1].peek(false, chain); i++) {
    iovec parts[VirtioQueue::most_parts + 1];
    const uint32_t count = tap_parts(chain, parts);
    if (count > 1 && tap_ >= 0) (void)!::writev(tap_, parts, static_cast<int>(count));
    queues_[1].push(chain, 0);
    any = true;
  }
  if (any) queues_[1].publish();
  return any;
}

bool VirtioNet::receive(VirtioQueue::Chain& chain) {
  iovec parts[VirtioQueue::most_parts + 1];
  const uint32_t count = tap_parts(chain, parts);
  if (count < 2) {
    queues_[0].push(chain, 0);
    return true;
  }
  const ssize_t got = ::readv(tap_, parts, static_cast<int>(count));
  if (got <= static_cast<ssize_t>(tap_header)) return false;
  static_cast<uint8_t*>(chain.parts[0].iov_base)[tap_header] = 1;  // num_buffers
  static_cast<uint8_t*>(chain.parts[0].iov_base)[tap_header + 1] = 0;
  queues_[0].push(chain, static_cast<uint32_t>(got) + guest_header - tap_header);
  return true;
}

bool VirtioNet::fill() {
  uint32_t came = 0;
  VirtioQueue::Chain chain;
  while (came < expected_ && tap_ >= 0 && queues_[0].peek(true, chain) && receive(chain)) came++;
  if (came == expected_)
    expected_ = came < VirtioQueue::most_entries ? 2 * came : came;
  else
    expected_ = came > 0 ? came : 1;
  if (came > 0) queues_[0].publish();
  return came > 0;
}

void VirtioNet::put(const uint8_t* frame, uint32_t bytes) {
  VirtioQueue::Chain chain;
  if (!queues_[0].peek(true, chain)) return;
  const bool fits = chain.part_count == 1 && chain.bytes >= guest_header + bytes;
  if (fits) {
    auto* at = static_cast<uint8_t*>(chain.parts[0].iov_base);
    std::memset(at, 0, guest_header);
    at[tap_header] = 1;  // num_buffers
    std::memcpy(at + guest_header, frame, bytes);
  }
  queues_[0].push(chain, fits ? guest_header + bytes : 0);
  queues_[0].publish();
}

bool VirtioNet::has_room() {
  VirtioQueue::Chain chain;
  return queues_[0].peek(true, chain);
}

}  // namespace vireo::vmm
