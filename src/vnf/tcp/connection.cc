// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/connection.h"

namespace vireo::vnf::tcp {

void Connection::open(const Setup& setup) {
  *this = {};
  our_mss_ = setup.mss;
  sender_.open(setup.first_sequence, setup.most_bytes);
  receiver_.open(setup.ring, setup.ring_bytes, setup.mss);
}

void Connection::connect(const Setup& setup) {
  open(setup);
  phase_ = Phase::syn_sent;
}

void Connection::accept(const Setup& setup, const Segment& syn) {
  open(setup);
  learn(syn);
  phase_ = Phase::syn_received;
}

void Connection::learn(const Segment& syn) {
  const uint16_t theirs = syn.mss == 0 ? fallback_mss : syn.mss;
  // A peer that claims next to nothing would make us send headers only (RFC 9293, 3.7.1).
  constexpr uint16_t least = 88;
  mss_ = theirs < our_mss_ ? theirs : our_mss_;
  if (mss_ < least) mss_ = least;
  scaled_ = syn.scale != no_scale;
  const uint8_t scale = syn.scale < most_scale ? syn.scale : most_scale;
  receiver_.begin(syn.sequence);
  sender_.learn(mss_, scaled_ ? scale : uint8_t{0}, syn.selective);
  selective_ = syn.selective;
  if (selective_) receiver_.set_selective();
}

bool Connection::receive(const Segment& segment, uint64_t now_ns, const Taker& taker) {
  if (phase_ == Phase::closed) return segment.has(Tcp::rst);
  if (phase_ == Phase::syn_sent) return receive_greeting(segment, now_ns);
  if (!receiver_.acceptable(segment)) {
    if (!segment.has(Tcp::rst) && !receiver_.overtaken(segment)) answer_stray(segment, now_ns);
    return true;
  }
  if (segment.has(Tcp::rst)) {
    receive_reset(segment);
    return true;
  }
  if (segment.has(Tcp::syn)) {  // RFC 5961, 4: the peer tells with a reset whether it means it
    receiver_.acknowledge_now();
    return true;
  }
  if (!segment.has(Tcp::ack)) return true;
  if (!receive_ack(segment, now_ns)) return phase_ != Phase::syn_received;
  if (!receiver_.finished()) receiver_.take(segment, now_ns, taker);
  settle(now_ns);
  return true;
}

void Connection::answer_stray(const Segment& segment, uint64_t now_ns) {
  if (phase_ == Phase::syn_received && segment.has(Tcp::syn)) {
    if (!segment.has(Tcp::ack)) return sender_.greet_again();
    receive_ack(segment, now_ns);  // both called at once, and this is the second half
  }
  receiver_.note_twice(segment);
  if (phase_ == Phase::time_wait && segment.has(Tcp::fin)) time_wait_until_ = now_ns + time_wait_ns;
  receiver_.acknowledge_now();
}

bool Connection::receive_greeting(const Segment& segment, uint64_t now_ns) {
  const bool acknowledges = segment.has(Tcp::ack);
  const bool ours = acknowledges && segment.acknowledged == sender_.next_sequence();
  if (acknowledges && !ours) return segment.has(Tcp::rst);
  if (segment.has(Tcp::rst)) {
    if (ours) close(Ending::refused);
    return true;
  }
  if (!segment.has(Tcp::syn)) return true;
  learn(segment);
  if (ours) {
    sender_.acknowledge(segment, now_ns);
    phase_ = Phase::open;
    receiver_.acknowledge_now();
  } else {  // both called at once
    phase_ = Phase::syn_received;
    sender_.greet_again();
  }
  return true;
}

// False: it acknowledges what we never sent.
bool Connection::receive_ack(const Segment& segment, uint64_t now_ns) {
  if (sender_.acknowledge(segment, now_ns) == Sender::Verdict::unsent) {
    if (phase_ != Phase::syn_received) receiver_.acknowledge_now();
    return false;
  }
  if (phase_ == Phase::syn_received && sender_.greeted()) phase_ = Phase::open;
  return true;
}

void Connection::too_big(uint32_t sequence, uint32_t mss) {
  constexpr uint32_t least = 88;
  if (phase_ != Phase::open || mss >= mss_ || mss < least || !sender_.under_way(sequence)) return;
  mss_ = mss;
  sender_.shrink(mss);
}

// RFC 5961, 3: only the very next sequence number resets, others in the window are asked about.
void Connection::receive_reset(const Segment& segment) {
  if (receiver_.is_next(segment.sequence))
    close(phase_ == Phase::time_wait ? Ending::finished : Ending::reset);
  else
    receiver_.acknowledge_now();
}

void Connection::settle(uint64_t now_ns) {
  if (phase_ != Phase::open || !receiver_.finished()) return;
  if (!sender_.finish_sent()) peer_first_ = true;
  if (!sender_.finish_acknowledged()) return;
  if (peer_first_) return close(Ending::finished);
  phase_ = Phase::time_wait;
  time_wait_until_ = now_ns + time_wait_ns;
}

void Connection::close(Ending ending) {
  phase_ = Phase::closed;
  ending_ = ending;
}

void Connection::abort() {
  if (phase_ == Phase::closed) return;
  reset_ = phase_ == Phase::open || phase_ == Phase::syn_received;
  close(Ending::aborted);
}

bool Connection::next(uint64_t now_ns, Segment& out) {
  out = {};
  if (reset_) {
    reset_ = false;
    out.sequence = sender_.next_sequence();
    out.flags = Tcp::rst;
    dress(out);
    return true;
  }
  if (phase_ == Phase::time_wait && now_ns >= time_wait_until_) close(Ending::finished);
  if (phase_ == Phase::closed) return false;
  if (!sender_.expire(now_ns)) {
    close(Ending::timed_out);
    return false;
  }
  if (sender_.next(now_ns, out)) {
    dress(out);
    return true;
  }
  if (now_ns < receiver_.due()) return false;
  out.sequence = sender_.next_sequence();
  dress(out);
  return true;
}

void Connection::dress(Segment& out) {
  const bool syn = out.has(Tcp::syn);
  if (receiver_.begun()) {
    out.flags |= Tcp::ack;
    out.acknowledged = receiver_.next_sequence();
    // Blocks would take the room of a full segment's data: one without any follows at once.
    if (out.length == 0) receiver_.report(out);
    if (out.length == 0 || !receiver_.has_blocks()) receiver_.acknowledged();
  }
  out.window = receiver_.window(syn || !scaled_ ? uint8_t{0} : receiver_.scale());
  if (!syn) return;
  out.mss = our_mss_;
  out.selective = !receiver_.begun() || selective_;
  if (!receiver_.begun() || scaled_) out.scale = receiver_.scale();
}

uint64_t Connection::due() const {
  if (reset_) return 0;
  if (phase_ == Phase::closed) return never;
  uint64_t due = sender_.due() < receiver_.due() ? sender_.due() : receiver_.due();
  if (phase_ == Phase::time_wait && time_wait_until_ < due) due = time_wait_until_;
  return due;
}

bool Connection::gives_way_to(const Segment& syn) const {
  if (phase_ == Phase::closed) return true;
  return phase_ == Phase::time_wait &&
         static_cast<int32_t>(syn.sequence - receiver_.next_sequence()) > 0;
}

State Connection::state() const {
  if (phase_ == Phase::closed) return State::closed;
  if (phase_ == Phase::syn_sent) return State::syn_sent;
  if (phase_ == Phase::syn_received) return State::syn_received;
  if (phase_ == Phase::time_wait) return State::time_wait;
  if (!sender_.finish_sent()) return receiver_.finished() ? State::close_wait : State::established;
  if (receiver_.finished()) return peer_first_ ? State::last_ack : State::closing;
  return sender_.finish_acknowledged() ? State::fin_wait_2 : State::fin_wait_1;
}

}  // namespace vireo::vnf::tcp
