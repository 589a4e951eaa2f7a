// SPDX-License-Identifier: Apache-2.0
// The sending half of a connection: which part of the stream leaves when. It holds no data: a
// segment says which bytes of the stream it carries, and the stream's owner can give any byte that
// is not yet acknowledged. SYN and FIN are part of the sequence, and are repeated like data.
#pragma once
#include "vnf/tcp/congestion.h"
#include "vnf/tcp/round_trip.h"
#include "vnf/tcp/segment.h"

namespace vireo::vnf::tcp {

class Sender {
 public:
  // `first`: the initial sequence number. `most`: payload of the largest segment, which a device
  // cuts into pieces of the MSS.
  void open(uint32_t first, uint32_t most);
  // The handshake told the peer's MSS and window scale.
  void learn(uint32_t mss, uint8_t scale);

  void offer(uint64_t bytes) { end_ = bytes + 1; }  // how long the stream is, so far
  void finish() { finishing_ = true; }              // it gets no longer

  enum class Verdict : uint8_t { old, taken, unsent };
  Verdict acknowledge(const Segment& segment, uint64_t now_ns);

  // The next segment that may leave: flags syn, fin, psh, sequence, offset and length are set.
  bool next(uint64_t now_ns, Segment& out);
  // False: nobody has answered for too long.
  bool expire(uint64_t now_ns);
  uint64_t due() const { return due_; }

  uint32_t next_sequence() const { return sequence_of(sent_); }
  uint64_t acknowledged_bytes() const;
  bool greeted() const { return first_unacknowledged_ > 0; }  // our SYN is acknowledged
  bool finish_sent() const { return finishing_ && sent_ > end_; }
  bool finish_acknowledged() const { return finishing_ && first_unacknowledged_ > end_; }
  void greet_again() { next_ = 0; }
  uint64_t resent() const { return resent_; }  // segments that left again

 private:
  uint32_t sequence_of(uint64_t position) const { return first_ + static_cast<uint32_t>(position); }
  uint64_t flight() const { return sent_ - first_unacknowledged_; }
  bool update_window(const Segment& segment);
  void advance(uint64_t position, uint64_t now_ns);
  uint32_t sendable() const;
  void compose(uint64_t from, uint32_t bytes, Segment& out);
  bool emit(uint64_t from, uint32_t bytes, uint64_t now_ns, Segment& out);

  uint32_t first_ = 0, most_ = 0, mss_ = fallback_mss;
  uint64_t first_unacknowledged_ = 0;
  uint64_t next_ = 0;  // behind `sent_` while what was lost is sent again
  uint64_t sent_ = 0;  // behind all that ever left
  uint64_t end_ = 1;   // behind the data
  bool finishing_ = false, resend_ = false, probe_ = false;
  uint8_t scale_ = 0;
  uint64_t window_ = 0, largest_window_ = 0;
  uint32_t window_sequence_ = 0, window_acknowledged_ = 0;  // RFC 9293: SND.WL1, SND.WL2
  Congestion congestion_;
  RoundTrip round_trip_;
  uint64_t timed_ = 0, timed_at_ns_ = 0;  // position whose acknowledgement is timed; 0: none
  uint64_t due_ = never;
  uint32_t attempts_ = 0;
  uint64_t resent_ = 0;
};

}  // namespace vireo::vnf::tcp
