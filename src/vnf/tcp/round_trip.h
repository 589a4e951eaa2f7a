// SPDX-License-Identifier: Apache-2.0
// How long to wait for an acknowledgement (RFC 6298), nanoseconds.
#pragma once
#include <stdint.h>

namespace vireo::vnf::tcp {

class RoundTrip {
 public:
  static constexpr uint64_t initial_ns = 1'000'000'000;  // (2.1)
  // (2.4) asks for a second; 200 ms is what Linux takes, above any delayed acknowledgement.
  static constexpr uint64_t least_ns = 200'000'000;
  static constexpr uint64_t most_ns = 60'000'000'000;  // (2.5)

  // A measured round trip, never of something that was sent twice (Karn).
  void sample(uint64_t ns) {
    if (smoothed_ == 0) {
      smoothed_ = ns;
      variation_ = ns / 2;
    } else {
      const uint64_t apart = smoothed_ > ns ? smoothed_ - ns : ns - smoothed_;
      variation_ = variation_ - variation_ / 4 + apart / 4;
      smoothed_ = smoothed_ - smoothed_ / 8 + ns / 8;
    }
    if (smoothed_ == 0) smoothed_ = 1;
  }
  void back_off() { doublings_ += doublings_ < 16; }  // (5.5)
  void progress() { doublings_ = 0; }

  uint64_t smoothed() const { return smoothed_; }  // 0: none was measured
  uint64_t timeout() const {
    uint64_t ns = smoothed_ == 0 ? initial_ns : smoothed_ + 4 * variation_;
    if (ns < least_ns) ns = least_ns;
    ns <<= doublings_;
    return ns > most_ns ? most_ns : ns;
  }

 private:
  uint64_t smoothed_ = 0, variation_ = 0;
  uint32_t doublings_ = 0;
};

}  // namespace vireo::vnf::tcp
