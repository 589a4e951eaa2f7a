// SPDX-License-Identifier: Apache-2.0
// How much may be under way: slow start, congestion avoidance and one halving for the losses of a
// round trip (RFC 5681; RFC 6675, 5). Bytes. What is lost others tell.
#pragma once
#include <stdint.h>

namespace vireo::vnf::tcp {

class Congestion {
 public:
  void open(uint32_t mss);
  void set_mss(uint32_t mss) { mss_ = mss; }
  uint64_t window() const { return window_; }
  // Since a loss was noticed, until all that was under way then is acknowledged.
  bool recovering() const { return phase_ != Phase::open; }
  bool halved() const { return phase_ == Phase::halved; }  // and no timer ran out

  // `bytes` were acknowledged for the first time; up to `first` all are, `flight` were under way
  // before.
  void acknowledged(uint64_t bytes, uint64_t first, uint64_t flight);
  // A loss was noticed; `flight` are under way, `end` is behind all sent. True: it is the first of
  // its round trip.
  bool lost(uint64_t flight, uint64_t end);
  // The retransmission timer ran out.
  void timeout(uint64_t flight, uint64_t end);

 private:
  enum class Phase : uint8_t { open, halved, timed_out };
  void grow(uint64_t bytes, uint64_t flight);
  uint64_t half(uint64_t flight) const;

  uint32_t mss_ = 0;
  uint64_t window_ = 0, threshold_ = 0, counted_ = 0;
  uint64_t recover_ = 0;  // position behind all that had been sent when the loss was noticed
  Phase phase_ = Phase::open;
};

}  // namespace vireo::vnf::tcp
