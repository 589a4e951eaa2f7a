// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/congestion.h"

namespace vireo::vnf::tcp {
namespace {

constexpr uint32_t initial_segments = 10;      // RFC 6928
constexpr uint64_t most_window = 16ull << 20;  // no receiver's window that we meet is larger

}  // namespace

void Congestion::open(uint32_t mss) {
  *this = {};
  mss_ = mss;
  window_ = uint64_t{initial_segments} * mss;
  threshold_ = most_window;
}

uint64_t Congestion::half(uint64_t flight) const {
  return flight / 2 > 2 * uint64_t{mss_} ? flight / 2 : 2 * uint64_t{mss_};
}

void Congestion::acknowledged(uint64_t bytes, uint64_t first, uint64_t flight) {
  if (phase_ != Phase::open && first >= recover_) phase_ = Phase::open;
  if (phase_ != Phase::halved) grow(bytes, flight);
}

// Only a window that was used may grow. Slow start counts bytes, since one acknowledgement may
// stand for a whole segmented packet.
void Congestion::grow(uint64_t bytes, uint64_t flight) {
  if (flight * 2 < window_ || window_ >= most_window) return;
  if (window_ < threshold_) {
    window_ += bytes < threshold_ - window_ ? bytes : threshold_ - window_;
    return;
  }
  counted_ += bytes;
  if (counted_ < window_) return;
  counted_ -= window_;
  window_ += mss_;
}

bool Congestion::lost(uint64_t flight, uint64_t end) {
  if (phase_ != Phase::open) return false;
  window_ = threshold_ = half(flight);
  recover_ = end;
  phase_ = Phase::halved;
  counted_ = 0;
  return true;
}

// RFC 5681, 3.1: what was halved for the same losses is not halved again.
void Congestion::timeout(uint64_t flight, uint64_t end) {
  if (phase_ == Phase::open) threshold_ = half(flight);
  window_ = mss_;
  recover_ = end;
  phase_ = Phase::timed_out;
  counted_ = 0;
}

}  // namespace vireo::vnf::tcp
