// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/scoreboard.h"

namespace vireo::vnf::tcp {
namespace {

// What arrived or is lost has no time any more that matters.
bool alike(const Scoreboard::Run& a, const Scoreboard::Run& b) {
  if (a.fate != b.fate) return false;
  return a.fate != Scoreboard::Fate::flying || (a.turn == b.turn && a.again == b.again);
}

}  // namespace

// Room for one run behind the others.
bool Scoreboard::make_room() {
  if (tail_ < most) return true;
  if (head_ == 0) return false;
  __builtin_memmove(runs_, runs_ + head_, count() * sizeof(Run));
  tail_ -= head_;
  head_ = 0;
  return true;
}

void Scoreboard::sent(uint64_t to, uint64_t now_ns) {
  const Run* before = count() > 0 ? &runs_[tail_ - 1] : nullptr;
  const bool row = before != nullptr && before->sent_ns == now_ns && before->turn == turn_;
  const Run run{end_, to, now_ns, row ? turn_ : ++turn_, Fate::flying, false};
  bytes_[static_cast<uint32_t>(Fate::flying)] += run.bytes();
  end_ = to;
  const bool joins = row && alike(*before, run);
  if (!joins && count() < most_rows && make_room()) {
    runs_[tail_++] = run;
    return;
  }
  Run& last = runs_[tail_ - 1];
  if (!joins && last.fate != Fate::flying) set(last, Fate::flying);
  last.to = to;
  last.sent_ns = now_ns;
  last.turn = run.turn;
}

// A boundary at `at`; false: there is no room for one.
bool Scoreboard::cut(uint64_t at) {
  uint32_t i = head_;
  while (i < tail_ && runs_[i].to <= at) i++;
  if (i == tail_ || runs_[i].from >= at) return true;
  const uint32_t place = i - head_;
  if (!make_room()) return false;
  Run* run = runs_ + head_ + place;
  __builtin_memmove(run + 1, run, (tail_ - head_ - place) * sizeof(Run));
  tail_++;
  run[0].to = run[1].from = at;
  return true;
}

void Scoreboard::join() {
  uint32_t last = head_;
  for (uint32_t i = head_ + 1; i < tail_; i++) {
    if (alike(runs_[last], runs_[i]))
      runs_[last].to = runs_[i].to;
    else if (++last != i)
      runs_[last] = runs_[i];
  }
  if (head_ < tail_) tail_ = last + 1;
}

// Without room for a boundary the whole run counts: if a part of it did not leave, it is found
// missing once more.
void Scoreboard::resent(uint64_t from, uint64_t to, uint64_t now_ns) {
  if (!cut(from)) return;
  cut(to);
  turn_++;
  for (uint32_t i = head_; i < tail_ && runs_[i].from < to; i++) {
    if (runs_[i].from < from) continue;
    set(runs_[i], Fate::flying);
    runs_[i].sent_ns = now_ns;
    runs_[i].turn = turn_;
    runs_[i].again = true;
  }
  join();
}

void Scoreboard::lose_first(uint64_t bytes) {
  const uint64_t to = begin_ + bytes;
  cut(to);
  lose_if([&](const Run& run) { return run.from < to; });
}

void Scoreboard::forget_arrived() {
  for (uint32_t i = head_; i < tail_; i++)
    if (runs_[i].fate == Fate::arrived) set(runs_[i], Fate::lost);
  join();
}

const Scoreboard::Run* Scoreboard::first_lost() const {
  if (bytes(Fate::lost) == 0) return nullptr;
  for (uint32_t i = head_; i < tail_; i++)
    if (runs_[i].fate == Fate::lost) return &runs_[i];
  return nullptr;
}

}  // namespace vireo::vnf::tcp
