// SPDX-License-Identifier: Apache-2.0
// A TCP segment without its packet (RFC 9293): what the two halves of a connection read and write.
// Host byte order. Positions count a direction's sequence space from its SYN, which is 0, in 64
// bits: the first byte of the stream is at 1, and no position ever wraps.
#pragma once
#include "vnf/headers.h"

namespace vireo::vnf::tcp {

inline constexpr uint8_t no_scale = 0xff;
inline constexpr uint8_t most_scale = 14;        // RFC 7323, 2.3
inline constexpr uint16_t fallback_mss = 536;    // RFC 9293, 3.7.1: a SYN without the option
inline constexpr uint64_t never = ~uint64_t{0};  // a timer that is not set

// A block of an acknowledgement: the numbers of its first byte and of the one behind its last.
struct Block {
  uint32_t from, to;
};
inline constexpr uint32_t most_blocks = 4;  // beside no other option (RFC 2018, 3)

struct Segment {
  uint32_t sequence = 0, acknowledged = 0;
  uint16_t window = 0;  // as on the wire, not scaled
  uint16_t mss = 0;     // option of a SYN; 0: none
  uint8_t flags = 0;    // Tcp::syn, ...
  uint8_t scale = no_scale;
  bool selective = false;  // option of a SYN: it understands blocks
  uint8_t block_count = 0;
  Block blocks[most_blocks] = {};
  uint32_t length = 0;               // of the payload
  const uint8_t* payload = nullptr;  // of one that arrived
  uint64_t offset = 0;               // of one that leaves: where in the stream its payload begins

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  // What it takes of the sequence space.
  uint32_t extent() const { return length + has(Tcp::syn) + has(Tcp::fin); }
};

// The position of a sequence number, which lies less than 2^31 from a position that is known.
inline int64_t position_near(uint64_t known, uint32_t known_sequence, uint32_t sequence) {
  return static_cast<int64_t>(known) + static_cast<int32_t>(sequence - known_sequence);
}

}  // namespace vireo::vnf::tcp
