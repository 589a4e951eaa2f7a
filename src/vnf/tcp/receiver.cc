// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/receiver.h"

namespace vireo::vnf::tcp {
namespace {

constexpr uint32_t most_duplicates = 32;  // a batch of packets

}  // namespace

void Receiver::open(uint8_t* ring, uint32_t ring_bytes, uint32_t mss) {
  ring_ = ring;
  ring_bytes_ = ring_bytes;
  mss_ = mss;
}

uint8_t Receiver::scale() const {
  uint8_t scale = 0;
  while (scale < most_scale && ring_bytes_ >> scale > 0xffff) scale++;
  return scale;
}

bool Receiver::acceptable(const Segment& segment) const {
  const int64_t start = position_near(next_, next_sequence(), segment.sequence);
  const auto next = static_cast<int64_t>(next_);
  const int64_t extent = segment.extent();
  if (start >= next + static_cast<int64_t>(ring_bytes_)) return false;
  return extent == 0 ? start >= next : start + extent > next;
}

// An empty one that was overtaken tells nothing, and an answer would look like the sign of a loss.
// One byte before the window is how a peer asks whether we live (RFC 1122, 4.2.3.6).
bool Receiver::overtaken(const Segment& segment) const {
  const int64_t start = position_near(next_, next_sequence(), segment.sequence);
  const auto next = static_cast<int64_t>(next_);
  return segment.extent() == 0 && start < next - 1 && start >= next - int64_t{ring_bytes_};
}

// The segment is acceptable, its start is less than a window behind `next_` or before it.
void Receiver::take(const Segment& segment, uint64_t now_ns, const Taker& taker) {
  const auto start = static_cast<uint64_t>(position_near(next_, next_sequence(), segment.sequence));
  const int64_t old = static_cast<int64_t>(next_ - start);  // bytes that came before
  const uint64_t edge = next_ + ring_bytes_;
  const uint64_t end = start + segment.length;
  if (segment.has(Tcp::fin) && end < edge) finish_ = end;
  if (largest_ < segment.length) largest_ = segment.length < mss_ ? segment.length : mss_;
  if (old > 0 && segment.length > 0) twice_ = {start, end < next_ ? end : next_};
  if (old < 0) {
    const Range* known = segment.length > 0 ? range_of(start) : nullptr;
    if (known != nullptr && known->to >= end) {
      twice_ = {start, end};
      remember(start);
    }
    const uint64_t stop = end < edge ? end : edge;
    keep(start, segment.payload, static_cast<uint32_t>(stop - start));
    // Never for an empty one: two ends that both miss something would answer each other for ever.
    if (segment.extent() == 0) return;
    if (!selective_ && duplicates_ < most_duplicates) duplicates_++;
    return acknowledge_now();
  }
  uint32_t fresh = 0;
  if (end > next_) {
    duplicates_ = 0;
    fresh = static_cast<uint32_t>((end < edge ? end : edge) - next_);
    taker.take(taker.context, segment.payload + old, fresh);
    next_ += fresh;
  }
  if (range_count_ > 0) {  // RFC 5681, 4.2: what fills a gap is acknowledged at once
    deliver_kept(taker);
    acknowledge_now();
  }
  if (next_ == finish_ && !finished_) {
    next_++;
    finished_ = true;
    acknowledge_now();
  }
  if (fresh > 0) plan_acknowledgement(fresh, now_ns);
}

// RFC 1122, 4.2.3.2: at least every second full segment.
void Receiver::plan_acknowledgement(uint32_t bytes, uint64_t now_ns) {
  pending_ += bytes;
  if (pending_ >= 2 * largest_)
    acknowledge_now();
  else if (due_ == never)
    due_ = now_ns + delay_ns;
}

void Receiver::acknowledged() {
  pending_ = 0;
  if (duplicates_ > 0) duplicates_--;
  due_ = duplicates_ > 0 ? 0 : never;
}

void Receiver::keep(uint64_t from, const uint8_t* bytes, uint32_t count) {
  if (count == 0 || !note({from, from + count})) return;
  copy_in(from, bytes, count);
  remember(from);
}

const Receiver::Range* Receiver::range_of(uint64_t at) const {
  for (uint32_t i = 0; i < range_count_; i++)
    if (ranges_[i].from <= at && at < ranges_[i].to) return &ranges_[i];
  return nullptr;
}

void Receiver::remember(uint64_t at) {
  const Range* grown = range_of(at);
  uint64_t latest[most_blocks] = {at};
  uint32_t count = 1;
  for (const uint64_t other : latest_) {
    const Range* range = range_of(other);
    if (range != nullptr && range != grown && count < most_blocks) latest[count++] = other;
  }
  __builtin_memcpy(latest_, latest, sizeof latest);
}

void Receiver::note_twice(const Segment& segment) {
  if (segment.length == 0) return;
  const int64_t start = position_near(next_, next_sequence(), segment.sequence);
  const int64_t end = start + static_cast<int64_t>(segment.length);
  if (start < 1 || end > static_cast<int64_t>(next_)) return;
  twice_ = {static_cast<uint64_t>(start), static_cast<uint64_t>(end)};
}

void Receiver::report(Segment& out) {
  if (!selective_) return;
  if (twice_.to > 0) out.blocks[out.block_count++] = block_of(twice_);
  twice_ = {};
  const Range* told[most_blocks] = {};
  uint32_t count = 0;
  auto tell = [&](const Range* range) {
    for (uint32_t i = 0; i < count; i++)
      if (told[i] == range) return;
    if (range == nullptr || out.block_count == most_blocks) return;
    told[count++] = range;
    out.blocks[out.block_count++] = block_of(*range);
  };
  for (const uint64_t at : latest_) tell(range_of(at));
  for (uint32_t i = range_count_; i > 0; i--) tell(&ranges_[i - 1]);
}

void Receiver::copy_in(uint64_t at, const uint8_t* bytes, uint32_t count) {
  const auto slot = static_cast<uint32_t>(at & (ring_bytes_ - 1));
  const uint32_t head = count < ring_bytes_ - slot ? count : ring_bytes_ - slot;
  copy_bytes(ring_ + slot, bytes, head);
  copy_bytes(ring_, bytes + head, count - head);
}

// Adds a range, which swallows those it meets. False: there are too many, it is not kept.
bool Receiver::note(Range range) {
  uint32_t at = 0;
  while (at < range_count_ && ranges_[at].to < range.from) at++;
  uint32_t behind = at;
  for (; behind < range_count_ && ranges_[behind].from <= range.to; behind++) {
    if (ranges_[behind].from < range.from) range.from = ranges_[behind].from;
    if (ranges_[behind].to > range.to) range.to = ranges_[behind].to;
  }
  const uint32_t swallowed = behind - at;
  if (swallowed == 0 && range_count_ == most_ranges) return false;
  const uint32_t moved = range_count_ - behind;
  __builtin_memmove(&ranges_[at + 1], &ranges_[behind], moved * sizeof(Range));
  ranges_[at] = range;
  range_count_ = range_count_ - swallowed + 1;
  return true;
}

void Receiver::deliver_kept(const Taker& taker) {
  uint32_t gone = 0;
  while (gone < range_count_ && ranges_[gone].from <= next_) {
    const uint64_t end = ranges_[gone++].to;
    while (next_ < end) {
      const auto slot = static_cast<uint32_t>(next_ & (ring_bytes_ - 1));
      const uint64_t run = ring_bytes_ - slot;
      const auto count = static_cast<uint32_t>(end - next_ < run ? end - next_ : run);
      taker.take(taker.context, ring_ + slot, count);
      next_ += count;
    }
  }
  range_count_ -= gone;
  __builtin_memmove(ranges_, &ranges_[gone], range_count_ * sizeof(Range));
}

}  // namespace vireo::vnf::tcp
