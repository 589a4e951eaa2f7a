// SPDX-License-Identifier: Apache-2.0
// One TCP connection as a pure state machine (RFC 9293): segments and the time go in, segments and
// the peer's stream come out. It knows no packets, no clock and no memory of its own.
//
// Shape: receive() each segment that arrives, then call next() until it says false, and again no
// later than due(). Times are nanoseconds of one clock that never goes back.
#pragma once
#include "vnf/tcp/receiver.h"
#include "vnf/tcp/sender.h"

namespace vireo::vnf::tcp {

enum class State : uint8_t {
  closed,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait
};
// Why a connection is closed.
enum class Ending : uint8_t { none, finished, reset, refused, timed_out, aborted };

class Connection {
 public:
  // RFC 9293, 3.4.2 has MSL = 2 min; 2 MSL = 60 s is what Linux waits.
  static constexpr uint64_t time_wait_ns = 60'000'000'000;

  struct Setup {
    uint32_t first_sequence;
    uint16_t mss;         // the largest payload that our link takes
    uint32_t most_bytes;  // payload of a leaving segment; above the MSS a device cuts it
    uint8_t* ring;        // the receive window: lives as long as the connection
    uint32_t ring_bytes;  // a power of two
  };
  void connect(const Setup& setup);
  // `syn` has the flag syn alone.
  void accept(const Setup& setup, const Segment& syn);

  // False: the segment belongs to no connection, and is answered with a reset (RFC 9293, 3.10.7).
  bool receive(const Segment& segment, uint64_t now_ns, const Taker& taker);
  // A router had to drop the segment with this number: pieces of more than `mss` are too large. No
  // effect when nothing of ours is under way there.
  void too_big(uint32_t sequence, uint32_t mss);
  // True: `out` leaves now.
  bool next(uint64_t now_ns, Segment& out);
  uint64_t due() const;

  void offer(uint64_t bytes) { sender_.offer(bytes); }  // length of our stream so far
  void finish() { sender_.finish(); }                   // our stream ends there
  void abort();                                         // the peer gets a reset

  State state() const;
  Ending ending() const { return ending_; }
  bool peer_finished() const { return receiver_.finished(); }
  uint64_t acknowledged_bytes() const { return sender_.acknowledged_bytes(); }
  bool all_acknowledged() const { return sender_.finish_acknowledged(); }  // and our FIN
  uint64_t resent() const { return sender_.resent(); }
  uint32_t mss() const { return mss_; }  // payload of one piece on the wire
  // RFC 9293, 3.6.1: a new SYN may take the place of a connection that only waits.
  bool gives_way_to(const Segment& syn) const;

 private:
  enum class Phase : uint8_t { closed, syn_sent, syn_received, open, time_wait };
  void open(const Setup& setup);
  void learn(const Segment& syn);
  void answer_stray(const Segment& segment, uint64_t now_ns);
  bool receive_greeting(const Segment& segment, uint64_t now_ns);
  bool receive_ack(const Segment& segment, uint64_t now_ns);
  void receive_reset(const Segment& segment);
  void settle(uint64_t now_ns);
  void dress(Segment& out);
  void close(Ending ending);

  Phase phase_ = Phase::closed;
  Ending ending_ = Ending::none;
  bool scaled_ = false, selective_ = false, peer_first_ = false, reset_ = false;
  uint16_t our_mss_ = 0;
  uint32_t mss_ = fallback_mss;
  uint64_t time_wait_until_ = never;
  Sender sender_;
  Receiver receiver_;
};

}  // namespace vireo::vnf::tcp
