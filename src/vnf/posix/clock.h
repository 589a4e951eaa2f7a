// SPDX-License-Identifier: Apache-2.0
// CLOCK_MONOTONIC, read from the time stamp counter where the identity tells its rate: a system
// call would cost a batch of one small packet a twentieth of its time.
#pragma once
#include "vnf/posix/system_call.h"

namespace vireo::vnf::posix {

inline uint64_t cycles() { return __builtin_ia32_rdtsc(); }

class Clock {
 public:
  void start(uint64_t tsc_khz) {
    tsc_khz_ = tsc_khz;
    synchronise();
  }
  // Takes the kernel's time again; about ten times a second, so that no drift adds up.
  void synchronise() {
    const uint64_t now = monotonic_ns();
    base_cycles_ = cycles();
    base_ns_ = now > last_ns_ ? now : last_ns_;
  }
  // Never goes back.
  uint64_t now() {
    uint64_t at = base_ns_;
    if (tsc_khz_ == 0)
      at = monotonic_ns();
    else
      at += (cycles() - base_cycles_) * 1'000'000 / tsc_khz_;
    if (at > last_ns_) last_ns_ = at;
    return last_ns_;
  }

 private:
  uint64_t tsc_khz_ = 0, base_cycles_ = 0, base_ns_ = 0, last_ns_ = 0;
};

}  // namespace vireo::vnf::posix
