// SPDX-License-Identifier: Apache-2.0
// A virtqueue whose rings and descriptors are the input's: whatever they say, a chain lies inside
// the guest's memory, and one to write behind its code.
#include "guest.h"
#include "vmm/virtio_queue.h"

namespace vireo::fuzz {
namespace {

using vmm::VirtioQueue;

void describe(Input& input, Guest& guest, const VirtioQueue& queue) {
  const uint64_t entry = input.take<uint8_t>();
  const GuestDescriptor part = Guest::descriptor(input);
  guest.store(queue.descriptors + entry * sizeof part, &part, sizeof part);
}

void offer(Input& input, Guest& guest, const VirtioQueue& queue, uint16_t& index) {
  const auto head = input.take<uint16_t>();
  guest.store(queue.available + 4 + 2ull * (index % queue.size), &head, sizeof head);
  index++;
  guest.store(queue.available + 2, &index, sizeof index);
}

void take(Guest& guest, VirtioQueue& queue, bool writable) {
  VirtioQueue::Chain chain;
  if (!queue.peek(writable, chain)) return;
  require(chain.part_count <= VirtioQueue::most_parts, "a chain has too many parts");
  const uint8_t* memory = guest.memory().own(0);
  const uint64_t lowest = machine::image_begin + (writable ? Guest::code_bytes : 0);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < chain.part_count; i++) {
    auto* begin = static_cast<uint8_t*>(chain.parts[i].iov_base);
    const uint64_t length = chain.parts[i].iov_len;
    require(length > 0 && begin >= memory + lowest && begin <= memory + Guest::bytes &&
                length <= static_cast<uint64_t>(memory + Guest::bytes - begin),
            "a chain reaches outside of the guest's memory");
    if (writable) begin[0] = begin[length - 1] = 0xa5;
    bytes += length;
  }
  require(chain.part_count == 0 || bytes == chain.bytes, "a chain's length is wrong");
  queue.push(chain, static_cast<uint32_t>(bytes));
}

void run(Input& input) {
  Guest& guest = Guest::fresh();
  VirtioQueue queue;
  queue.size = input.take<uint16_t>();
  queue.descriptors = Guest::address(input);
  queue.available = Guest::address(input);
  queue.used = Guest::address(input);
  if (!queue.enable(guest.memory())) return;
  for (uint16_t index = 0; !input.empty();) {
    switch (input.take<uint8_t>() % 6) {
      case 0:
        describe(input, guest, queue);
        break;
      case 1:
        offer(input, guest, queue, index);
        break;
      case 2:
        take(guest, queue, false);
        break;
      case 3:
        take(guest, queue, true);
        break;
      case 4:
        queue.publish();
        break;
      default: {
        const uint64_t at = Guest::address(input), value = input.take<uint64_t>();
        guest.store(at, &value, sizeof value);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vireo::fuzz::Input input(data, size);
  vireo::fuzz::run(input);
  return 0;
}
