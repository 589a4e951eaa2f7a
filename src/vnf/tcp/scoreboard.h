// SPDX-License-Identifier: Apache-2.0
// What is under way in one direction: runs of positions, each with its fate and the time when it
// left last (RFC 6675, 3; RFC 8985, 5.2). Room for many runs, not for all that is possible: what no
// longer fits is kept less exactly, and never wrong for ever, since a time-out loses everything.
#pragma once
#include "vnf/tcp/segment.h"

namespace vireo::vnf::tcp {

class Scoreboard {
 public:
  enum class Fate : uint8_t { flying, arrived, lost };
  struct Run {
    uint64_t from, to, sent_ns;
    uint64_t turn;  // grows with each that leaves; the same within a row of new ones
    Fate fate;
    bool again;  // left more than once
    uint64_t bytes() const { return to - from; }
    bool operator==(const Run&) const = default;
  };

  uint64_t begin() const { return begin_; }  // all before it is acknowledged
  uint64_t end() const { return end_; }      // behind all that ever left
  uint64_t bytes() const { return end_ - begin_; }
  uint64_t bytes(Fate fate) const { return bytes_[static_cast<uint32_t>(fate)]; }
  const Run* runs() const { return runs_ + head_; }
  uint32_t count() const { return tail_ - head_; }

  // What follows `end` left for the first time.
  void sent(uint64_t to, uint64_t now_ns);
  void resent(uint64_t from, uint64_t to, uint64_t now_ns);
  // Cumulatively, and selectively. visit(run): of each run, or part of one, that is now known to
  // have arrived and was not before.
  template <class Visit>
  void acknowledge(uint64_t position, Visit visit);
  template <class Visit>
  void arrived(uint64_t from, uint64_t to, Visit visit);
  // The first `bytes`, or those flying runs of which lost(run) is true, or all that has not
  // arrived.
  void lose_first(uint64_t bytes);
  template <class Lost>
  void lose_if(Lost lost);
  void lose_all() {
    lose_if([](const Run&) { return true; });
  }
  // The receiver has thrown away what it said had arrived (RFC 2018, 8).
  void forget_arrived();
  // The first lost run; nullptr: nothing is lost.
  const Run* first_lost() const;

 private:
  static constexpr uint32_t most = 128, most_rows = 96;  // the rest is for boundaries within them
  void set(Run& run, Fate fate);
  bool make_room();
  bool cut(uint64_t at);
  void join();

  uint64_t begin_ = 0, end_ = 0, turn_ = 0;
  uint64_t bytes_[3] = {};
  uint32_t head_ = 0, tail_ = 0;
  Run runs_[most] = {};  // [head_, tail_): without gaps from begin_ to end_
};

inline void Scoreboard::set(Run& run, Fate fate) {
  bytes_[static_cast<uint32_t>(run.fate)] -= run.bytes();
  bytes_[static_cast<uint32_t>(fate)] += run.bytes();
  run.fate = fate;
}

template <class Visit>
void Scoreboard::acknowledge(uint64_t position, Visit visit) {
  while (head_ < tail_ && begin_ < position) {
    Run& run = runs_[head_];
    Run part = run;
    if (part.to > position) part.to = position;
    if (part.fate != Fate::arrived) visit(part);
    bytes_[static_cast<uint32_t>(run.fate)] -= part.bytes();
    begin_ = run.from = part.to;
    if (run.from == run.to) head_++;
  }
}

template <class Visit>
void Scoreboard::arrived(uint64_t from, uint64_t to, Visit visit) {
  if (!cut(from) || !cut(to)) return;
  bool any = false;
  for (uint32_t i = head_; i < tail_; i++) {
    Run& run = runs_[i];
    if (run.from < from || run.to > to || run.fate == Fate::arrived) continue;
    visit(run);
    set(run, Fate::arrived);
    any = true;
  }
  if (any) join();
}

template <class Lost>
void Scoreboard::lose_if(Lost lost) {
  bool any = false;
  for (uint32_t i = head_; i < tail_; i++) {
    if (runs_[i].fate != Fate::flying || !lost(runs_[i])) continue;
    set(runs_[i], Fate::lost);
    any = true;
  }
  if (any) join();
}

}  // namespace vireo::vnf::tcp
