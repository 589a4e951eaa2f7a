// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/congestion.h"

namespace vireo::vnf::tcp {
namespace {

constexpr uint32_t initial_segments = 10;      // RFC 6928
constexpr uint32_t duplicates_of_a_loss = 3;   // RFC 5681, 3.2
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

bool Congestion::acknowledged(uint64_t bytes, uint64_t first, uint64_t flight) {
  duplicates_ = 0;
  if (!recovering_) {
    grow(bytes, flight);
    return false;
  }
  if (first >= recover_) {  // RFC 6582, 3.2 (3), option 1: no burst
    const uint64_t left = flight - bytes > mss_ ? flight - bytes : mss_;
    window_ = left + mss_ < threshold_ ? left + mss_ : threshold_;
    recovering_ = false;
    return false;
  }
  window_ = window_ > bytes + mss_ ? window_ - bytes : mss_;
  if (bytes >= mss_) window_ += mss_;
  return true;
}

// Only a window that was used may grow. Slow start counts bytes, since one acknowledgement may
// stand for a whole segmented packet.
void Congestion::grow(uint64_t bytes, uint64_t flight) {
  if (flight * 2 < window_ || window_ >= most_window) return;
  if (window_ < threshold_) {
    window_ += bytes;
    return;
  }
  counted_ += bytes;
  if (counted_ < window_) return;
  counted_ -= window_;
  window_ += mss_;
}

bool Congestion::duplicate(uint64_t first, uint64_t end) {
  if (recovering_) {
    window_ += mss_;
    return false;
  }
  if (++duplicates_ != duplicates_of_a_loss || first < recover_) return false;
  threshold_ = half(end - first);
  window_ = threshold_ + uint64_t{duplicates_of_a_loss} * mss_;
  recover_ = end;
  recovering_ = true;
  counted_ = 0;
  return true;
}

void Congestion::timeout(uint64_t flight, uint64_t end) {
  threshold_ = half(flight);
  window_ = mss_;
  recover_ = end;
  recovering_ = false;
  duplicates_ = 0;
  counted_ = 0;
}

}  // namespace vireo::vnf::tcp
