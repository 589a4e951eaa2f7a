// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/sender.h"

namespace vireo::vnf::tcp {
namespace {

using Fate = Scoreboard::Fate;

// RFC 1122, 4.2.3.5: R2 is at least 100 s of data, and three minutes of SYN by back-off.
constexpr uint32_t most_attempts = 10, most_greetings = 7;
constexpr uint32_t duplicates_of_a_loss = 3;  // RFC 5681, 3.2

uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

}  // namespace

void Sender::open(uint32_t first, uint32_t most) {
  first_ = first;
  most_ = most;
  congestion_.open(mss_);
}

void Sender::learn(uint32_t mss, uint8_t scale, bool selective) {
  mss_ = mss;
  scale_ = scale;
  selective_ = selective;
  congestion_.open(mss);
}

// RFC 1191, 6.5: no sign of congestion.
void Sender::shrink(uint32_t mss) {
  mss_ = mss;
  congestion_.set_mss(mss);
  board_.lose_all();
  resend_ = board_.bytes(Fate::lost) > 0;
}

bool Sender::under_way(uint32_t sequence) const {
  const int64_t at = position_of(sequence);
  return at >= static_cast<int64_t>(board_.begin()) && at < static_cast<int64_t>(board_.end());
}

uint64_t Sender::acknowledged_bytes() const {
  const uint64_t data = least(board_.begin(), stream_end_);
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
  return window_ != before;
}

Sender::Verdict Sender::acknowledge(const Segment& segment, uint64_t now_ns) {
  const int64_t at = position_of(segment.acknowledged);
  if (at > static_cast<int64_t>(board_.end())) return Verdict::unsent;
  if (at < static_cast<int64_t>(board_.begin())) return Verdict::old;
  const bool closed = window_ == 0, changed = update_window(segment);
  if (window_ == 0) attempts_ = 0;  // the peer lives, it only has no room
  const bool advances = static_cast<uint64_t>(at) > board_.begin();
  const bool waited = board_.bytes() > 0;
  sample_ns_ = 0;
  if (advances) advance(static_cast<uint64_t>(at), now_ns);
  const bool needless = selective_ && take_blocks(segment, now_ns);
  if (sample_ns_ != 0) round_trip_.sample(sample_ns_);
  if (tail_probed_ != 0) end_tail_probe(segment, advances, needless);
  if (selective_)
    detect(now_ns);
  else if (!advances && segment.extent() == 0 && !changed && window_ > 0 && waited)
    take_duplicate();
  if (closed && window_ > 0) board_.lose_all();  // what probed it was not taken
  const bool gaps = board_.bytes(Fate::flying) < board_.bytes();
  if (advances || (changed && board_.bytes() == 0) || (gaps && timer_ == Timer::tail)) arm(now_ns);
  return Verdict::taken;
}

void Sender::advance(uint64_t position, uint64_t now_ns) {
  const uint64_t before = board_.bytes(), bytes = position - board_.begin();
  board_.acknowledge(position, [&](const Scoreboard::Run& run) { note_arrived(run, now_ns); });
  // Nothing behind a gap was said to have arrived there, unless the peer has thrown it away.
  if (board_.count() > 0 && board_.runs()[0].fate == Fate::arrived) board_.forget_arrived();
  attempts_ = 0;
  round_trip_.progress();
  congestion_.acknowledged(bytes, position, before);
  if (!congestion_.recovering()) duplicates_ = 0;
  if (!selective_ && congestion_.halved()) take_partial(bytes);
}

// RFC 6582, 3.2: what follows a gap that was filled is missing too; it was not among those that
// duplicate acknowledgements were for, all others of these bytes were.
void Sender::take_partial(uint64_t bytes) {
  const auto others = static_cast<uint32_t>(bytes / mss_ > 0 ? bytes / mss_ - 1 : 0);
  duplicates_ -= others < duplicates_ ? others : duplicates_;
  if (board_.bytes(Fate::lost) > 0) return;
  board_.lose_first(mss_);
  resend_ = true;
}

// Karn: what was sent twice measures nothing, for an acknowledgement would not tell which it is
// for.
void Sender::note_arrived(const Scoreboard::Run& run, uint64_t now_ns) {
  rack_.arrived(run, now_ns);
  if (!run.again) sample_ns_ = now_ns > run.sent_ns ? now_ns - run.sent_ns : 1;
}

void Sender::take_block(uint64_t from, uint64_t to, uint64_t now_ns) {
  board_.arrived(from, to, [&](const Scoreboard::Run& run) { note_arrived(run, now_ns); });
}

// In ascending order: what one acknowledgement tells has not overtaken each other. True: something
// came twice (RFC 2883, 4), so a segment was sent again in vain.
bool Sender::take_blocks(const Segment& segment, uint64_t now_ns) {
  const auto begin = static_cast<int64_t>(board_.begin());
  int64_t done = begin - 1;
  bool needless = false;
  for (uint32_t round = 0; round < segment.block_count; round++) {
    int64_t from = INT64_MAX, to = 0;
    for (uint32_t i = 0; i < segment.block_count; i++) {
      const int64_t at = position_of(segment.blocks[i].from);
      const int64_t end = position_of(segment.blocks[i].to);
      needless |= i == 0 && at < end && end <= begin;
      if (at > done && (at < from || (at == from && end > to))) from = at, to = end;
    }
    if (from < to && to <= static_cast<int64_t>(board_.end()))
      take_block(static_cast<uint64_t>(from), static_cast<uint64_t>(to), now_ns);
    done = from;
  }
  if (needless) rack_.needless();
  return needless;
}

void Sender::take_duplicate() {
  if (++duplicates_ != duplicates_of_a_loss || congestion_.recovering()) return;
  board_.lose_first(mss_);
  notice_loss();
}

void Sender::detect(uint64_t now_ns) {
  const uint64_t arrived = board_.bytes(Fate::arrived);
  reorder_due_ = never;
  if (arrived == 0 && !congestion_.recovering()) return;
  const uint64_t flying = board_.bytes(Fate::flying);
  const bool certain = congestion_.recovering() || arrived >= duplicates_of_a_loss * uint64_t{mss_};
  reorder_due_ = rack_.detect(board_, certain, round_trip_.smoothed(), now_ns);
  if (board_.bytes(Fate::flying) < flying) notice_loss();
}

void Sender::notice_loss() {
  if (!congestion_.lost(board_.bytes(), board_.end())) return;
  resend_ = true;
  tail_probed_ = 0;
}

// RFC 8985, 7.4.2: if both copies of the tail arrive, the second is told about. If more is
// acknowledged than the tail before that, the probe has filled a gap: that was a loss.
void Sender::end_tail_probe(const Segment& segment, bool advances, bool needless) {
  if (board_.begin() < tail_probed_ && !needless) return;
  const bool twice = needless || (!advances && segment.extent() == 0);
  if (tail_was_resent_ && !twice && board_.begin() == tail_probed_) return;
  tail_probed_ = 0;
  if (tail_was_resent_ && !twice) congestion_.lost(board_.bytes(), board_.end());
}

// RFC 6298, 5; RFC 8985, 7.2.
void Sender::arm(uint64_t now_ns) {
  constexpr uint64_t grain_ns = 2'000'000;         // what Linux adds
  constexpr uint64_t longest_delay = 200'000'000;  // of an acknowledgement of one segment
  due_ = never;
  if (board_.bytes() == 0) return;
  const uint64_t timeout = round_trip_.timeout();
  const bool whole = board_.bytes(Fate::flying) == board_.bytes();
  timer_ = Timer::retransmit;
  due_ = now_ns + timeout;
  if (!selective_ || !greeted() || !whole || congestion_.recovering() || tail_probed_ != 0 ||
      window_ == 0 || attempts_ > 0)
    return;
  const uint64_t delay = board_.bytes() <= mss_ ? longest_delay : grain_ns;
  const uint64_t patience = 2 * round_trip_.smoothed() + delay;
  if (round_trip_.smoothed() == 0 || patience >= timeout) return;
  timer_ = Timer::tail;
  due_ = now_ns + patience;
}

// What the congestion window leaves. A duplicate acknowledgement says that a segment has left the
// network, though not which (RFC 3042, RFC 5681).
uint64_t Sender::room() const {
  const uint64_t gone = uint64_t{selective_ ? 0 : duplicates_} * mss_;
  const uint64_t flying = board_.bytes(Fate::flying);
  const uint64_t pipe = flying > gone ? flying - gone : 0;
  return congestion_.window() > pipe ? congestion_.window() - pipe : 0;
}

// How many bytes from `from` leave in one segment. No silly small one (RFC 9293, 3.8.6.2.1): full
// ones, or all that is left, or half of the largest window.
uint32_t Sender::sendable(uint64_t from, uint64_t to, uint64_t room) const {
  const uint64_t rest = to - from, count = least(least(rest, room), most_);
  if (count == rest) return static_cast<uint32_t>(count);
  if (count >= mss_) return static_cast<uint32_t>(count - count % mss_);
  return count >= largest_window_ / 2 ? static_cast<uint32_t>(count) : 0;
}

uint32_t Sender::sendable_anew(uint64_t room) const {
  const uint64_t edge = board_.begin() + window_;
  if (board_.end() >= stream_end_ || board_.end() >= edge) return 0;
  return sendable(board_.end(), stream_end_, least(room, edge - board_.end()));
}

void Sender::compose(uint64_t from, uint32_t bytes, Segment& out) {
  out.sequence = sequence_of(from);
  if (from == 0) {
    out.flags = Tcp::syn;
    return;
  }
  out.offset = from - 1;
  out.length = bytes;
  const bool last = from + bytes == stream_end_;
  if (bytes > 0 && last) out.flags |= Tcp::psh;
  if (finishing_ && last) out.flags |= Tcp::fin;
}

bool Sender::emit(uint64_t from, uint32_t bytes, uint64_t now_ns, Segment& out) {
  compose(from, bytes, out);
  const uint64_t to = from + out.extent(), before = board_.end();
  const bool first = from == board_.begin();
  if (from < before) board_.resent(from, least(to, before), now_ns);
  if (to > before) board_.sent(to, now_ns);
  if (due_ == never || timer_ == Timer::tail || (first && from < before)) arm(now_ns);
  return true;
}

// A closed window is asked with one byte, an open one with as much as it takes.
bool Sender::probe_window(uint64_t now_ns, Segment& out) {
  probes_window_ = false;
  const uint64_t first = board_.begin();
  const uint64_t size = window_ < mss_ ? (window_ > 0 ? window_ : 1) : mss_;
  return emit(first, static_cast<uint32_t>(least(stream_end_ - first, size)), now_ns, out);
}

// RFC 8985, 7.3: new data if there is, else the last segment again.
bool Sender::probe_tail(uint64_t now_ns, Segment& out) {
  probes_tail_ = false;
  const uint64_t end = board_.end();
  if (end == board_.begin()) return false;
  const uint32_t bytes = sendable_anew(mss_);
  tail_was_resent_ = bytes == 0;
  bool left = bytes > 0 && emit(end, bytes, now_ns, out);
  if (!left) {
    const uint64_t data_end = least(end, stream_end_);
    const uint64_t from = data_end > board_.begin() + mss_ ? data_end - mss_ : board_.begin();
    left = emit(from, static_cast<uint32_t>(data_end > from ? data_end - from : 0), now_ns, out);
  }
  tail_probed_ = board_.end();
  arm(now_ns);
  return left;
}

bool Sender::resend(uint64_t now_ns, Segment& out) {
  const Scoreboard::Run* run = board_.first_lost();
  if (run == nullptr) return false;
  const uint64_t from = run->from, edge = least(stream_end_, board_.begin() + window_);
  uint64_t to = least(run->to, stream_end_);
  if (run->to == board_.end() && edge > to) to = edge;  // together with what is new
  if (from == 0) return emit(0, 0, now_ns, out);
  const uint64_t space = resend_ && room() < mss_ ? mss_ : room();
  resend_ = false;
  if (to <= from) return emit(from, 0, now_ns, out);  // the FIN alone
  const uint32_t bytes = sendable(from, to, space);
  return bytes > 0 && emit(from, bytes, now_ns, out);
}

bool Sender::next(uint64_t now_ns, Segment& out) {
  if (board_.end() == 0) return emit(0, 0, now_ns, out);
  if (probes_window_) return probe_window(now_ns, out);
  if (probes_tail_ && probe_tail(now_ns, out)) return true;
  if (resend(now_ns, out)) {
    resent_++;
    return true;
  }
  if (!greeted() || board_.bytes(Fate::lost) > 0) return false;
  if (const uint32_t bytes = sendable_anew(room()); bytes > 0)
    return emit(board_.end(), bytes, now_ns, out);
  if (finishing_ && board_.end() == stream_end_) return emit(board_.end(), 0, now_ns, out);
  // Data waits for a window, and nothing under way will ask for it: the persist timer.
  if (board_.end() < stream_end_ && board_.bytes() == 0 && due_ == never) {
    timer_ = Timer::retransmit;
    due_ = now_ns + round_trip_.timeout();
  }
  return false;
}

bool Sender::expire(uint64_t now_ns) {
  if (now_ns >= reorder_due_) detect(now_ns);
  if (now_ns < due_) return true;
  if (timer_ == Timer::tail) {
    probes_tail_ = true;
    timer_ = Timer::retransmit;
    due_ = now_ns + round_trip_.timeout();
    return true;
  }
  if (++attempts_ > (greeted() ? most_attempts : most_greetings)) return false;
  due_ = never;
  round_trip_.back_off();
  probes_window_ =
      greeted() && board_.begin() < stream_end_ && (board_.bytes() == 0 || window_ == 0);
  if (probes_window_) return true;
  timeouts_++;
  congestion_.timeout(board_.bytes(), board_.end());
  board_.lose_all();
  duplicates_ = 0;
  tail_probed_ = 0;
  resend_ = true;
  return true;
}

}  // namespace vireo::vnf::tcp
