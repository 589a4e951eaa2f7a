// SPDX-License-Identifier: Apache-2.0
// Turning a packet into the refusal of itself: an ICMP error or a TCP reset, back to its sender.
// The caller sets `out`. All checksums are complete afterwards and nothing is left segmented.
#pragma once
#include "vnf/checksum.h"

namespace vireo::vnf {

// At most so many in a second, so that refusals cannot be used to flood somebody.
class RefusalLimit {
 public:
  void set_rate(uint32_t per_second) { rate_ = per_second; }
  bool take(int64_t now_ms) {
    if (now_ms - since_ms_ >= 1000) {
      since_ms_ = now_ms;
      taken_ = 0;
    }
    return taken_ < rate_ && ++taken_ != 0;
  }

 private:
  uint32_t rate_ = 0, taken_ = 0;
  int64_t since_ms_ = 0;
};

struct IcmpError {
  uint8_t type, code;
  uint32_t rest = 0;  // the MTU, where the error has one
};

// RFC 1122, 3.2.2 and RFC 4443, 2.4(e): what must never be answered with an error.
bool may_be_refused(const Headers& h);

// Quotes the packet in an ICMP or ICMPv6 error from the address `from` (nullptr: the packet's own
// destination). Needs 48 bytes of headroom: the packet grows at its front.
void make_icmp_error(Packet& packet, const Headers& h, const IcmpError& error, const uint8_t* from);

// RFC 9293, 3.10.7.1: the reset that answers a segment to a closed port.
void make_reset(Packet& packet, const Headers& h);

// RFC 792, RFC 4443: an echo request to us becomes its reply. False: none, or segmented.
bool make_echo_reply(Packet& packet, const Headers& h);

}  // namespace vireo::vnf
