// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/wire_testing.h"

#include <algorithm>

namespace vireo::vnf::tcp::testing {

std::string Wire::random_stream(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string stream(bytes, 0);
  for (char& byte : stream) byte = static_cast<char>(random());
  return stream;
}

void Wire::start(int end) {
  End& at = ends[end];
  at.connection.offer(at.stream.size());
  if (!at.finishes_late) at.connection.finish();
}

void Wire::run(uint32_t first_a, uint32_t first_b, uint64_t limit_ns) {
  ends[0].connection.connect(setup(0, first_a));
  start(0);
  setup(1, first_b);
  second_first_ = first_b;
  run_until(limit_ns);
}

void Wire::run_until(uint64_t until_ns) {
  for (;;) {
    for (int end : {0, 1}) pump(end);
    uint64_t at = flying_.empty() ? never : flying_.begin()->first;
    for (const End& end : ends) at = std::min(at, end.connection.due());
    if (at > until_ns) break;
    now_ns = std::max(now_ns, at);
    while (!flying_.empty() && flying_.begin()->first <= now_ns) {
      const Flying flying = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      arrive(flying);
      pump(flying.to);
    }
  }
}

void Wire::arrive(const Flying& flying) {
  End& end = ends[flying.to];
  Segment segment = flying.segment;
  segment.payload = reinterpret_cast<const uint8_t*>(flying.payload.data());
  if (plain) segment.selective = false;
  if (segment.has(Tcp::syn) && !segment.has(Tcp::ack) && !greeted_[flying.to] &&
      end.connection.state() == State::closed) {
    greeted_[flying.to] = true;
    end.connection.accept(setup(flying.to, second_first_), segment);
    return start(flying.to);
  }
  if (!end.connection.receive(segment, now_ns, end.taker())) refused++;
  if (end.finishes_late && end.connection.peer_finished()) end.connection.finish();
}

void Wire::pump(int end) {
  Segment segment;
  while (ends[end].connection.next(now_ns, segment)) send(end, segment);
}

// A device cuts what is larger than the MSS: each piece has its own fate.
void Wire::send(int from, const Segment& segment) {
  End& end = ends[from];
  end.segments++;
  end.empty += segment.length == 0;
  const uint32_t mss = end.connection.mss();
  uint32_t done = 0;
  do {
    Segment piece = segment;
    piece.length = std::min(mss, segment.length - done);
    piece.sequence += done;
    const bool last = done + piece.length == segment.length;
    if (!last) piece.flags = static_cast<uint8_t>(piece.flags & ~(Tcp::fin | Tcp::psh));
    std::string payload;
    if (piece.length > 0) payload = end.stream.substr(segment.offset + done, piece.length);
    done += piece.length;
    send_piece(from, piece, std::move(payload));
  } while (done < segment.length);
}

void Wire::send_piece(int from, Segment piece, std::string payload) {
  const uint64_t number = pieces++;
  const bool drops = drop != nullptr ? drop(piece, from, number) : chance(faults_.loss);
  lost += drops;
  if (drops) return;
  for (int copies = chance(faults_.doubling) ? 2 : 1; copies > 0; copies--) {
    uint64_t at = now_ns + faults_.delay_ns;
    if (chance(faults_.reordering)) at += faults_.late_ns;
    flying_.emplace(at, Flying{1 - from, piece, payload});
  }
}

}  // namespace vireo::vnf::tcp::testing
