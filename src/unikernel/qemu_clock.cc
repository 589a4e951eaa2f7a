// SPDX-License-Identifier: Apache-2.0
#include "unikernel/qemu_clock.h"

#include "unikernel/qemu_io.h"

namespace vireo::unikernel::qemu {

namespace {

// 8254: channel 0 counts down from the largest value, once (mode 0).
constexpr uint16_t control = 0x43, channel = 0x40;
constexpr uint8_t one_shot = 0x30, latch = 0;
constexpr uint64_t hertz = 1'193'182, largest = 0xffff;
constexpr uint64_t least_ticks = hertz / 1000;
constexpr uint64_t most_cycles = 1'000'000'000;  // a fifth of a second and more
constexpr uint32_t timer_begin = 0xffffffff;

uint64_t cycles() { return __builtin_ia32_rdtsc(); }

uint64_t elapsed_ticks() {
  write_port(control, latch);
  const uint64_t low = read_port(channel), high = read_port(channel);
  return largest - (high << 8 | low);
}

}  // namespace

void Clock::open() {
  set_timer(timer_begin);
  write_port(control, one_shot);
  write_port(channel, 0xff);
  write_port(channel, 0xff);
  opened_ = last_ = cycles();
}

bool Clock::measure() {
  uint64_t ticks = 0;
  while (ticks < least_ticks) {
    if (cycles() - opened_ > most_cycles) return false;
    ticks = elapsed_ticks();
  }
  khz_ = (cycles() - opened_) * hertz / ticks / 1000;
  timer_khz_ = uint64_t{timer_begin - timer_left()} * hertz / ticks / 1000;
  set_timer(0);
  return true;
}

uint64_t Clock::now_ns() {
  const uint64_t at = cycles();
  const uint64_t scaled = (at - last_) * 1'000'000 + rest_;
  last_ = at;
  ns_ += scaled / khz_;
  rest_ = scaled % khz_;
  return ns_;
}

uint32_t Clock::timer_ticks(uint32_t microseconds) const {
  const uint64_t ticks = microseconds * timer_khz_ / 1000 + 1;
  return ticks < timer_begin ? static_cast<uint32_t>(ticks) : timer_begin;
}

}  // namespace vireo::unikernel::qemu
