// SPDX-License-Identifier: Apache-2.0
// The NAT's configuration. Idle times follow RFC 5382, RFC 4787 and RFC 5508.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

struct NatConfig {
  uint8_t inside;   // the port that the translated hosts are behind
  uint8_t hairpin;  // they may reach each other by their outside addresses
  uint16_t first_port, last_port;
  uint16_t reserved;
  uint32_t table_size;                                  // mappings
  uint32_t per_source;                                  // mappings of one inside address
  uint32_t tcp_established, tcp_transitory, udp, icmp;  // idle, ms
  uint32_t refusals;                                    // ICMP errors of its own in a second
};

enum class NatCounter : uint32_t {
  translated_out,
  translated_in,
  hairpinned,
  routed,
  errors_translated,
  answered,
  neighbours,
  no_mapping,
  table_full,
  source_limit,
  no_port,
  unresolved,
  no_route,
  hop_limit,
  too_big,
  not_for_us,
  malformed,
  unsupported,
  stray_fragments,
  refusals_limited,
  count
};

}  // namespace vireo::vnf
