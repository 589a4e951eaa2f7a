// SPDX-License-Identifier: Apache-2.0
// The sending half of a connection: which part of the stream leaves when. It holds no data: a
// segment says which bytes of the stream it carries, and the stream's owner can give any byte that
// is not yet acknowledged. SYN and FIN are part of the sequence, and are repeated like data.
//
// With a peer that acknowledges selectively, RACK tells what is lost and a probe finds a lost tail
// (RFC 8985); with another, the third duplicate acknowledgement does (RFC 5681, RFC 6582).
#pragma once
#include "vnf/tcp/congestion.h"
#include "vnf/tcp/rack.h"
#include "vnf/tcp/round_trip.h"

namespace vireo::vnf::tcp {

class Sender {
 public:
  // Of a new one. `first`: the initial sequence number. `most`: payload of the largest segment,
  // which a device cuts into pieces of the MSS.
  void open(uint32_t first, uint32_t most);
  // The handshake told the peer's MSS and window scale, and whether it acknowledges selectively.
  void learn(uint32_t mss, uint8_t scale, bool selective);
  // The path takes no larger pieces any more: what is under way has not arrived.
  void shrink(uint32_t mss);

  void offer(uint64_t bytes) { stream_end_ = bytes + 1; }  // how long the stream is, so far
  void finish() { finishing_ = true; }                     // it gets no longer

  enum class Verdict : uint8_t { old, taken, unsent };
  Verdict acknowledge(const Segment& segment, uint64_t now_ns);

  // The next segment that may leave: flags syn, fin, psh, sequence, offset and length are set.
  bool next(uint64_t now_ns, Segment& out);
  // False: nobody has answered for too long.
  bool expire(uint64_t now_ns);
  uint64_t due() const { return due_ < reorder_due_ ? due_ : reorder_due_; }

  uint32_t next_sequence() const { return sequence_of(board_.end()); }
  // Whether it numbers a byte that is under way.
  bool under_way(uint32_t sequence) const;
  uint64_t acknowledged_bytes() const;
  bool greeted() const { return board_.begin() > 0; }  // our SYN is acknowledged
  bool finish_sent() const { return finishing_ && board_.end() > stream_end_; }
  bool finish_acknowledged() const { return finishing_ && board_.begin() > stream_end_; }
  void greet_again() { board_.lose_all(); }
  uint64_t resent() const { return resent_; }      // segments; not those that only asked
  uint64_t timeouts() const { return timeouts_; }  // of the retransmission timer

 private:
  enum class Timer : uint8_t { retransmit, tail };
  uint32_t sequence_of(uint64_t position) const { return first_ + static_cast<uint32_t>(position); }
  int64_t position_of(uint32_t sequence) const {
    return position_near(board_.begin(), sequence_of(board_.begin()), sequence);
  }
  bool update_window(const Segment& segment);
  void advance(uint64_t position, uint64_t now_ns);
  void note_arrived(const Scoreboard::Run& run, uint64_t now_ns);
  void take_block(uint64_t from, uint64_t to, uint64_t now_ns);
  bool take_blocks(const Segment& segment, uint64_t now_ns);
  void take_duplicate();
  void take_partial(uint64_t bytes);
  void end_tail_probe(const Segment& segment, bool advances, bool needless);
  void detect(uint64_t now_ns);
  void notice_loss();
  void arm(uint64_t now_ns);
  uint64_t room() const;
  uint32_t sendable(uint64_t from, uint64_t to, uint64_t room) const;
  uint32_t sendable_anew(uint64_t room) const;
  bool probe_window(uint64_t now_ns, Segment& out);
  bool probe_tail(uint64_t now_ns, Segment& out);
  bool resend(uint64_t now_ns, Segment& out);
  void compose(uint64_t from, uint32_t bytes, Segment& out);
  bool emit(uint64_t from, uint32_t bytes, uint64_t now_ns, Segment& out);

  uint32_t first_ = 0, most_ = 0, mss_ = fallback_mss;
  uint64_t stream_end_ = 1;  // behind the data
  bool finishing_ = false, selective_ = false;
  bool resend_ = false;  // one lost segment, whatever the congestion window says
  bool probes_window_ = false, probes_tail_ = false;
  uint8_t scale_ = 0;
  uint64_t window_ = 0, largest_window_ = 0;
  uint32_t window_sequence_ = 0, window_acknowledged_ = 0;  // RFC 9293: SND.WL1, SND.WL2
  Congestion congestion_;
  RoundTrip round_trip_;
  Scoreboard board_;
  Rack rack_;
  uint64_t sample_ns_ = 0;        // a round trip that this segment has measured; 0: none
  uint32_t duplicates_ = 0;       // acknowledgements, of a peer that is not selective
  uint64_t tail_probed_ = 0;      // position behind all when the tail was probed; 0: it was not
  bool tail_was_resent_ = false;  // the probe was no new data
  Timer timer_ = Timer::retransmit;
  uint64_t due_ = never, reorder_due_ = never;
  uint32_t attempts_ = 0;
  uint64_t resent_ = 0, timeouts_ = 0;
};

}  // namespace vireo::vnf::tcp
