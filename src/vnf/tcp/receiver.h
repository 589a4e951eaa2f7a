// SPDX-License-Identifier: Apache-2.0
// The receiving half of a connection. Bytes in order go to their taker straight from the packet;
// what came early waits in a ring as large as the window until the gap is filled. The taker takes
// everything at once, so the window stays open.
#pragma once
#include "vnf/tcp/segment.h"

namespace vireo::vnf::tcp {

// Who takes the stream: each byte once, in order. The bytes are valid during the call.
struct Taker {
  void* context;
  void (*take)(void* context, const uint8_t* bytes, uint32_t count);
};

class Receiver {
 public:
  static constexpr uint64_t delay_ns = 40'000'000;  // RFC 1122, 4.2.3.2 allows up to 500 ms

  // Of a new one. `ring_bytes`: a power of two, at most 1 GiB (RFC 7323, 2.3). The ring is the
  // caller's.
  void open(uint8_t* ring, uint32_t ring_bytes, uint32_t mss);
  void begin(uint32_t first) { first_ = first, next_ = 1; }  // the peer's initial sequence number

  // RFC 9293, 3.10.7.4: some of it lies in the window.
  bool acceptable(const Segment& segment) const;
  // It is not, but only because later ones were faster: needs no answer.
  bool overtaken(const Segment& segment) const;
  bool is_next(uint32_t sequence) const { return sequence == next_sequence(); }
  void take(const Segment& segment, uint64_t now_ns, const Taker& taker);

  bool begun() const { return next_ > 0; }
  bool finished() const { return finished_; }  // all has been taken, up to the peer's FIN
  uint32_t next_sequence() const { return first_ + static_cast<uint32_t>(next_); }
  uint16_t window(uint8_t scale) const {
    const uint32_t units = ring_bytes_ >> scale;
    return static_cast<uint16_t>(units < 0xffff ? units : 0xffff);
  }
  uint8_t scale() const;

  // The peer understands blocks: what is early is told with one acknowledgement, not with many.
  void set_selective() { selective_ = true; }
  bool has_blocks() const { return selective_ && (range_count_ > 0 || twice_.to > 0); }
  // What came twice (RFC 2883), then what waits behind a gap, the latest first (RFC 2018, 4).
  void report(Segment& out);
  // It is not acceptable: all of it came before.
  void note_twice(const Segment& segment);

  void acknowledge_now() { due_ = 0; }
  uint64_t due() const { return due_; }  // when an acknowledgement has to leave
  void acknowledged();                   // one has left

 private:
  static constexpr uint32_t most_ranges = 64;
  struct Range {
    uint64_t from, to;
  };
  void remember(uint64_t at);
  const Range* range_of(uint64_t at) const;
  Block block_of(const Range& range) const {
    return {first_ + static_cast<uint32_t>(range.from), first_ + static_cast<uint32_t>(range.to)};
  }
  void keep(uint64_t from, const uint8_t* bytes, uint32_t count);
  bool note(Range range);
  void copy_in(uint64_t at, const uint8_t* bytes, uint32_t count);
  void deliver_kept(const Taker& taker);
  void plan_acknowledgement(uint32_t bytes, uint64_t now_ns);

  uint8_t* ring_ = nullptr;
  uint32_t ring_bytes_ = 0, first_ = 0, mss_ = 0;
  uint32_t largest_ = 0;  // segment seen, at most the MSS
  uint32_t pending_ = 0;  // bytes taken and not acknowledged
  // Early segments that came together are each acknowledged: the peer counts (RFC 5681, 3.2).
  uint32_t duplicates_ = 0;
  uint64_t next_ = 0;
  uint64_t finish_ = never;  // where the peer's FIN is
  bool finished_ = false, selective_ = false;
  Range twice_ = {};                   // came again; to = 0: nothing
  uint64_t latest_[most_blocks] = {};  // a position in each range that grew last; 0: none
  uint64_t due_ = never;
  uint32_t range_count_ = 0;
  Range ranges_[most_ranges] = {};  // what is kept: apart, in order, all behind `next_`
};

}  // namespace vireo::vnf::tcp
