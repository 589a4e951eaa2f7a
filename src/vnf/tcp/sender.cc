// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/sender.h"

namespace vireo::vnf::tcp {
namespace {

// RFC 1122, 4.2.3.5: R2 is at least 100 s of data, and three minutes of SYN by back-off.
constexpr uint32_t most_attempts = 10, most_greetings = 7;

uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

}  // namespace

void Sender::open(uint32_t first, uint32_t most) {
  *this = {};
  first_ = first;
  most_ = most;
  congestion_.open(mss_);
}

void Sender::learn(uint32_t mss, uint8_t scale) {
  mss_ = mss;
  scale_ = scale;
  congestion_.open(mss);
}

uint64_t Sender::acknowledged_bytes() const {
  const uint64_t data = first_unacknowledged_ > end_ ? end_ : first_unacknowledged_;
  return data == 0 ? 0 : data - 1;
}

// RFC 9293, 3.10.7.4: an older segment says nothing about the window. False: it is as before.
bool Sender::update_window(const Segment& segment) {
  const auto sequence_apart = static_cast<int32_t>(segment.sequence - window_sequence_);
  const auto ack_apart = static_cast<int32_t>(segment.acknowledged - window_acknowledged_);
  if (largest_window_ != 0 && (sequence_apart < 0 || (sequence_apart == 0 && ack_apart < 0)))
    return false;
  const uint64_t before = window_;
  window_ = uint64_t{segment.window} << (segment.has(Tcp::syn) ? 0 : scale_);
  window_sequence_ = segment.sequence;
  window_acknowledged_ = segment.acknowledged;
  if (window_ > largest_window_) largest_window_ = window_;
  if (before == 0 && window_ > 0) next_ = first_unacknowledged_;  // what probed it was not taken
  return window_ != before;
}

Sender::Verdict Sender::acknowledge(const Segment& segment, uint64_t now_ns) {
  const int64_t at = position_near(first_unacknowledged_, sequence_of(first_unacknowledged_),
                                   segment.acknowledged);
  if (at > static_cast<int64_t>(sent_)) return Verdict::unsent;
  if (at < static_cast<int64_t>(first_unacknowledged_)) return Verdict::old;
  const bool changed = update_window(segment);
  if (window_ == 0) attempts_ = 0;  // the peer lives, it only has no room
  if (static_cast<uint64_t>(at) > first_unacknowledged_) {
    advance(static_cast<uint64_t>(at), now_ns);
  } else if (segment.extent() == 0 && !changed && window_ > 0 && flight() > 0) {
    resend_ |= congestion_.duplicate(first_unacknowledged_, sent_);
  }
  if (flight() == 0 && changed) due_ = never;  // no probe is needed any more
  return Verdict::taken;
}

void Sender::advance(uint64_t position, uint64_t now_ns) {
  const uint64_t before = flight();
  const uint64_t bytes = position - first_unacknowledged_;
  const bool recovering = congestion_.recovering();
  if (timed_ != 0 && position >= timed_) {
    round_trip_.sample(now_ns - timed_at_ns_);
    timed_ = 0;
  }
  first_unacknowledged_ = position;
  if (next_ < position) next_ = position;
  attempts_ = 0;
  round_trip_.progress();
  const bool missing = congestion_.acknowledged(bytes, position, before);
  resend_ = missing;
  // RFC 6582, 4: only the first partial acknowledgement winds the timer up.
  if (flight() == 0)
    due_ = never;
  else if (!recovering || !missing)
    due_ = now_ns + round_trip_.timeout();
}

// How many bytes of data may leave from `next_`. No silly small segment (RFC 9293, 3.8.6.2.1):
// full ones, or all that is left, or half of the largest window.
uint32_t Sender::sendable() const {
  if (next_ == 0 || next_ >= end_) return 0;
  const uint64_t edge = first_unacknowledged_ + least(window_, congestion_.window());
  if (next_ >= edge) return 0;
  const uint64_t rest = end_ - next_;
  const uint64_t count = least(least(rest, edge - next_), most_);
  if (count == rest) return static_cast<uint32_t>(count);
  if (count >= mss_) return static_cast<uint32_t>(count - count % mss_);
  return count >= largest_window_ / 2 ? static_cast<uint32_t>(count) : 0;
}

void Sender::compose(uint64_t from, uint32_t bytes, Segment& out) {
  out.sequence = sequence_of(from);
  if (from == 0) {
    out.flags = Tcp::syn;
    return;
  }
  out.offset = from - 1;
  out.length = bytes;
  const bool last = from + bytes == end_;
  if (bytes > 0 && last) out.flags |= Tcp::psh;
  if (finishing_ && last) out.flags |= Tcp::fin;
}

bool Sender::emit(uint64_t from, uint32_t bytes, uint64_t now_ns, Segment& out) {
  compose(from, bytes, out);
  const uint64_t behind = from + out.extent();
  if (from < sent_) {
    resent_++;
    timed_ = 0;  // Karn: an acknowledgement would not tell which of the two it is for
  } else if (timed_ == 0) {
    timed_ = behind;
    timed_at_ns_ = now_ns;
  }
  if (next_ < behind) next_ = behind;
  if (sent_ < behind) sent_ = behind;
  if (due_ == never) due_ = now_ns + round_trip_.timeout();
  return true;
}

bool Sender::next(uint64_t now_ns, Segment& out) {
  const uint64_t first = first_unacknowledged_;
  if (next_ == 0) return emit(0, 0, now_ns, out);
  if (first == 0) return false;  // nothing before the handshake's end
  if (resend_ || probe_) {
    const uint64_t rest = end_ > first ? end_ - first : 0;
    const uint64_t room = probe_ && window_ < mss_ ? (window_ > 0 ? window_ : 1) : mss_;
    resend_ = probe_ = false;
    return emit(first, static_cast<uint32_t>(least(rest, room)), now_ns, out);
  }
  if (const uint32_t bytes = sendable(); bytes > 0) return emit(next_, bytes, now_ns, out);
  if (finishing_ && next_ == end_) return emit(next_, 0, now_ns, out);
  // Data waits for a window, and nothing under way will ask for it: the persist timer.
  if (next_ < end_ && flight() == 0 && due_ == never) due_ = now_ns + round_trip_.timeout();
  return false;
}

bool Sender::expire(uint64_t now_ns) {
  if (now_ns < due_) return true;
  if (++attempts_ > (greeted() ? most_attempts : most_greetings)) return false;
  due_ = never;
  round_trip_.back_off();
  resend_ = false;
  timed_ = 0;
  // A closed window is asked for, not congested: its first byte, or as much as it takes.
  probe_ = greeted() && first_unacknowledged_ < end_ && (flight() == 0 || window_ == 0);
  if (probe_) return true;
  congestion_.timeout(flight(), sent_);
  next_ = first_unacknowledged_;
  return true;
}

}  // namespace vireo::vnf::tcp
