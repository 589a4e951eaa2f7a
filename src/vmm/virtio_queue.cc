// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio_queue.h"

namespace vireo::vmm {

namespace {

struct Descriptor {
  uint64_t address;
  uint32_t bytes;
  uint16_t flags, next;
};
constexpr uint16_t has_next = 1, for_device_to_write = 2;

uint16_t load_index(const uint8_t* at) {
  return __atomic_load_n(reinterpret_cast<const uint16_t*>(at), __ATOMIC_ACQUIRE);
}

}  // namespace

bool VirtioQueue::enable(GuestMemory& memory) {
  memory_ = &memory;
  enabled_ = false;
  if (size == 0 || size > most_entries || (size & (size - 1)) != 0) return false;
  if (descriptors % 16 != 0 || available % 2 != 0 || used % 4 != 0) return false;
  descriptors_at_ = memory.readable(descriptors, 16ull * size);
  available_at_ = memory.readable(available, 4 + 2ull * size);
  used_at_ = memory.writable(used, 4 + 8ull * size);
  next_ = pushed_ = 0;
  enabled_ = descriptors_at_ != nullptr && available_at_ != nullptr && used_at_ != nullptr;
  return enabled_;
}

VirtioQueue::State VirtioQueue::save() const {
  return {descriptors, available, used, size, next_, pushed_, enabled_};
}

bool VirtioQueue::restore(const State& state, GuestMemory& memory) {
  size = state.size;
  descriptors = state.descriptors;
  available = state.available;
  used = state.used;
  if (state.enabled == 0) return true;
  if (!enable(memory)) return false;
  next_ = state.next;
  pushed_ = state.pushed;
  return true;
}

bool VirtioQueue::gather(bool writable, Chain& chain) {
  uint16_t entry = chain.head;
  for (uint32_t i = 0; i < most_parts; i++) {
    if (entry >= size) return false;
    Descriptor part;
    std::memcpy(&part, descriptors_at_ + 16ull * entry, sizeof part);
    asm volatile("" : : : "memory");  // the copy alone is looked at
    if (((part.flags & for_device_to_write) != 0) != writable) return false;
    uint8_t* at = writable ? memory_->writable(part.address, part.bytes)
                           : memory_->readable(part.address, part.bytes);
    if (at == nullptr || part.bytes == 0) return false;
    chain.parts[chain.part_count++] = {at, part.bytes};
    chain.bytes += part.bytes;
    if ((part.flags & has_next) == 0) return true;
    entry = part.next;
  }
  return false;
}

bool VirtioQueue::peek(bool writable, Chain& chain) {
  if (!enabled_ || load_index(available_at_ + 2) == next_) return false;
  chain.part_count = 0;
  chain.bytes = 0;
  std::memcpy(&chain.head, available_at_ + 4 + 2ull * (next_ % size), sizeof chain.head);
  if (!gather(writable, chain)) chain.part_count = 0;
  return true;
}

void VirtioQueue::push(const Chain& chain, uint32_t bytes) {
  const uint32_t element[2] = {chain.head, bytes};
  std::memcpy(used_at_ + 4 + 8ull * (pushed_ % size), element, sizeof element);
  next_++;
  pushed_++;
}

void VirtioQueue::publish() {
  if (!enabled_) return;
  __atomic_store_n(reinterpret_cast<uint16_t*>(used_at_ + 2), pushed_, __ATOMIC_RELEASE);
}

}  // namespace vireo::vmm
