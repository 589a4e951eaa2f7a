// SPDX-License-Identifier: Apache-2.0
// A bad link between a tap and a function, or two taps, for tests: a thread that loses, doubles and
// reorders frames both ways. Large segments are cut first, as a wire would have them: each piece
// has its own fate. The same seed throws the same dice.
#pragma once
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/result.h"

namespace vireo::vnf::tcp::testing {

struct LinkFaults {
  double loss = 0, doubling = 0, reordering = 0;  // of each frame
  constexpr bool any() const { return loss + doubling + reordering > 0; }
};

class LossyLink {
 public:
  // `tap` stays the caller's; the kernel hands it no large segments any more.
  static Result<std::unique_ptr<LossyLink>> start(int tap, LinkFaults faults, uint64_t seed);
  static Result<std::unique_ptr<LossyLink>> start_between(int tap, int other_tap, LinkFaults faults,
                                                          uint64_t seed);
  LossyLink(const LossyLink&) = delete;
  LossyLink& operator=(const LossyLink&) = delete;
  ~LossyLink();

  int far_end() const { return far_.get(); }  // frames behind a virtio_net header, as on a socket
  uint64_t changed() const { return changed_; }  // frames that were lost, doubled or late

 private:
  LossyLink(int tap, LinkFaults faults, uint64_t seed)
      : tap_(tap), faults_(faults), random_(seed) {}
  static Result<std::unique_ptr<LossyLink>> make(int tap, LinkFaults faults, uint64_t seed);
  void begin(int near) {
    near_ = near;
    thread_ = std::thread([this] { run(); });
  }
  void run();
  void pass(int from, int to, std::string& late);
  void throw_dice(std::string frame, int to, std::string& late);
  void put(int to, const std::string& frame);
  bool chance(double of) { return std::uniform_real_distribution<>(0, 1)(random_) < of; }

  int tap_, near_ = -1;
  LinkFaults faults_;
  std::mt19937_64 random_;
  Fd near_end_, far_;
  std::string late_[2];  // one frame each way that the next ones overtake
  std::atomic<uint64_t> changed_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace vireo::vnf::tcp::testing
