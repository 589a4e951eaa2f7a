// SPDX-License-Identifier: Apache-2.0
// How much may be under way: slow start, congestion avoidance, fast retransmit and fast recovery
// (RFC 5681) as NewReno has them (RFC 6582), and limited transmit (RFC 3042). Bytes.
#pragma once
#include <stdint.h>

namespace vireo::vnf::tcp {

class Congestion {
 public:
  void open(uint32_t mss);
  uint64_t window() const { return window_ + limited(); }
  bool recovering() const { return recovering_; }

  // `bytes` were acknowledged for the first time; up to `first` all are, `flight` were under way
  // before. True: what begins at `first` is missing too, send it again.
  bool acknowledged(uint64_t bytes, uint64_t first, uint64_t flight);
  // An acknowledgement came again. True: send again what begins at `first`. `end`: of all sent.
  bool duplicate(uint64_t first, uint64_t end);
  // The retransmission timer ran out.
  void timeout(uint64_t flight, uint64_t end);

 private:
  void grow(uint64_t bytes, uint64_t flight);
  uint64_t half(uint64_t flight) const;
  uint64_t limited() const {
    return recovering_ ? 0 : uint64_t{duplicates_ < 2 ? duplicates_ : 2} * mss_;
  }

  uint32_t mss_ = 0, duplicates_ = 0;
  uint64_t window_ = 0, threshold_ = 0, counted_ = 0;
  uint64_t recover_ = 0;  // position behind all that had been sent when the loss was noticed
  bool recovering_ = false;
};

}  // namespace vireo::vnf::tcp
