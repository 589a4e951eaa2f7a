// SPDX-License-Identifier: Apache-2.0
// A network device driven by the input: registers, rings, packets both ways. A packet socket pair
// takes the place of the tap.
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"
#include "vmm/virtio_net.h"

namespace vireo::fuzz {
namespace {

// Rings that a well-behaved driver could have: those of queue q.
constexpr uint64_t ring(uint32_t queue) {
  return machine::heap_begin + queue * machine::page_bytes;
}
constexpr uint64_t available_at = 1024;

class Scene {
 public:
  Scene() {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
            "no socket pair");
    near_ = ends[0];
    far_ = ends[1];
    device_.plug(near_);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    ::close(near_);
    ::close(far_);
  }

  void step(Input& input) {
    switch (input.take<uint8_t>() % 8) {
      case 0:
        return write_register(input);
      case 1:
        device_.read(input.take<uint16_t>() % machine::page_bytes);
        return;
      case 2:
        return describe(input);
      case 3:
        return offer(input);
      case 4:
        return send(input);
      case 5:
        device_.flush();
        return drain();
      case 6:
        device_.fill();
        return;
      default:
        device_.has_room();
        return;
    }
  }
  void end() { guest_.require_whole_code(); }

 private:
  void write_register(Input& input) {
    static constexpr uint16_t known[] = {0x014, 0x024, 0x030, 0x038, 0x044, 0x070, 0x080,
                                         0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x050, 0x064};
    const auto choice = input.take<uint8_t>();
    const uint32_t offset = choice < sizeof known / sizeof known[0]
                                ? known[choice]
                                : input.take<uint16_t>() % machine::page_bytes;
    const bool address = offset >= 0x080 && offset <= 0x0a4;
    const uint64_t value = address ? Guest::address(input) : input.take<uint32_t>();
    const bool high = (offset & 4) != 0;
    device_.write(offset, static_cast<uint32_t>(address && high ? value >> 32 : value),
                  guest_.memory());
  }
  void describe(Input& input) {
    const uint32_t queue = input.take<uint8_t>() & 1;
    const uint64_t entry = input.take<uint8_t>();
    const GuestDescriptor part = Guest::descriptor(input);
    guest_.store(ring(queue) + entry * sizeof part, &part, sizeof part);
  }
  void offer(Input& input) {
    const uint32_t queue = input.take<uint8_t>() & 1;
    const auto head = input.take<uint16_t>();
    const uint32_t size = input.take<uint8_t>() + 1u;  // that the queue may not have
    const uint64_t slot = index_[queue]++ % size;
    guest_.store(ring(queue) + available_at + 4 + 2 * slot, &head, sizeof head);
    guest_.store(ring(queue) + available_at + 2, &index_[queue], sizeof index_[queue]);
  }
  void send(Input& input) {
    const auto frame = input.take_bytes(input.take<uint16_t>());
    (void)!::send(far_, frame.data(), frame.size(), 0);
  }
  void drain() {
    char frame[4096];
    while (::recv(far_, frame, sizeof frame, 0) > 0) {
    }
  }

  Guest& guest_ = Guest::fresh();
  vmm::VirtioNet device_;
  int near_ = -1, far_ = -1;
  uint16_t index_[2] = {};
};

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vireo::fuzz::Input input(data, size);
  vireo::fuzz::Scene scene;
  while (!input.empty()) scene.step(input);
  scene.end();
  return 0;
}
