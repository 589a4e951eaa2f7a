// SPDX-License-Identifier: Apache-2.0
// Which runs are lost: those that left before one that has arrived, by more than what packets may
// overtake each other (RACK, RFC 8985, 6.2). So a segment that is lost again is found without a
// time-out. Nanoseconds.
#pragma once
#include "vnf/tcp/scoreboard.h"

namespace vireo::vnf::tcp {

class Rack {
 public:
  // (6.2, steps 1 to 3) A run is known to have arrived.
  void arrived(const Scoreboard::Run& run, uint64_t now_ns) {
    const uint64_t round_trip = now_ns - run.sent_ns;
    if (run.again) {
      if (round_trip < least_) return;  // it is the first copy that arrived
    } else {
      if (run.to <= foremost_) reordered_ = true;
      if (round_trip < least_) least_ = round_trip;
    }
    if (run.to > foremost_) foremost_ = run.to;
    if (!left_later(run)) return;
    turn_ = run.turn;
    to_ = run.to;
    round_trip_ = round_trip;
  }
  // A segment came twice, was sent again in vain: waits longer (6.2, step 4).
  void needless() { patience_ += patience_ < most_patience; }

  // (6.2, steps 4 and 5) Marks what is lost. When to look again, though nothing arrives.
  // `certain`: a loss is known, or three segments have arrived behind the gap.
  uint64_t detect(Scoreboard& board, bool certain, uint64_t smoothed_ns, uint64_t now_ns) {
    uint64_t due = never;
    const uint64_t wait = round_trip_ + spread(certain, smoothed_ns);
    board.lose_if([&](const Scoreboard::Run& run) {
      if (left_later(run)) return false;
      if (run.sent_ns + wait <= now_ns) return true;
      if (run.sent_ns + wait < due) due = run.sent_ns + wait;
      return false;
    });
    return due;
  }

 private:
  static constexpr uint32_t most_patience = 16;
  // Later than the last one that arrived. The clock alone does not tell: it stands for a batch.
  bool left_later(const Scoreboard::Run& run) const {
    return run.turn > turn_ || (run.turn == turn_ && run.to >= to_);
  }
  uint64_t spread(bool certain, uint64_t smoothed_ns) const {
    if (!reordered_ && certain) return 0;
    const uint64_t ns = least_ == never ? 0 : least_ / 4 * patience_;
    return ns < smoothed_ns ? ns : smoothed_ns;
  }

  uint64_t turn_ = 0, to_ = 0, round_trip_ = 0;  // of the last that left and arrived
  uint64_t foremost_ = 0;
  uint64_t least_ = never;  // round trip
  uint32_t patience_ = 1;
  bool reordered_ = false;
};

}  // namespace vireo::vnf::tcp
