// SPDX-License-Identifier: Apache-2.0
// The processor's counter as nanoseconds: its rate is that of the interval timer (8254), which is
// fixed. The time since the start of the machine.
#pragma once
#include <stdint.h>

namespace vireo::unikernel::qemu {

class Clock {
 public:
  // Begins to count, with the timers of qemu_io.h open.
  void open();
  // Ends the measurement, which takes a millisecond from open() on; false: the timer stands.
  bool measure();
  uint64_t khz() const { return khz_; }
  uint64_t now_ns();
  // Of the local APIC's timer, at most what fits.
  uint32_t timer_ticks(uint32_t microseconds) const;

 private:
  uint64_t opened_ = 0, khz_ = 0, timer_khz_ = 0;
  uint64_t last_ = 0, ns_ = 0, rest_ = 0;
};

}  // namespace vireo::unikernel::qemu
