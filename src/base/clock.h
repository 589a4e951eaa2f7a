// SPDX-License-Identifier: Apache-2.0
// Time as an interface, so that tests move it by hand instead of sleeping.
#pragma once
#include <chrono>

namespace vireo {

using SteadyTime = std::chrono::steady_clock::time_point;  // CLOCK_MONOTONIC: durations, deadlines
using WallTime = std::chrono::system_clock::time_point;    // what a person reads

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// Stands still until advanced. For one thread.
class ManualClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyTime(elapsed_); }
  WallTime wall() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(elapsed_));
  }
  void advance(std::chrono::nanoseconds by) { elapsed_ += by; }

 private:
  std::chrono::nanoseconds elapsed_{std::chrono::hours(1)};
};

}  // namespace vireo
