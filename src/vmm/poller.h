// SPDX-License-Identifier: Apache-2.0
// A second thread, which looks after the devices of a guest that polls while it runs: so neither
// of them leaves its loop for a packet. Only one of the two threads has the devices at a time.
#pragma once
#include <atomic>
#include <cstdint>

namespace vireo::vmm {

class Poller {
 public:
  // A turn: one look at everything. Returns soon, and whether there was something.
  using Turn = bool (*)(void* subject);
  // Once, for the process's life. False: there is no thread.
  bool start(Turn turn, void* subject);
  bool started() const { return turn_ != nullptr; }

  // From here on the other thread takes turns, until take(); that waits for the last one's end.
  void give();
  void take();

 private:
  static void* loop(void* self);
  void sleep();

  Turn turn_ = nullptr;
  void* subject_ = nullptr;
  std::atomic<uint32_t> given_{0}, turning_{0}, sleeping_{0};
};

}  // namespace vireo::vmm
