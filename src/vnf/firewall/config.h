// SPDX-License-Identifier: Apache-2.0
// The firewall's configuration.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

inline constexpr uint32_t firewall_most_rules = 1000;

enum class Verdict : uint8_t { accept, drop, reject };
enum class Side : uint8_t { any, first, second };
enum class RuleProtocol : uint8_t { any, tcp, udp, icmp };

// The first rule that fits a packet decides. Zero fields of a rule fit everything.
struct FirewallRule {
  Verdict action;
  Side from;  // the port that the packet comes in by
  RuleProtocol protocol;
  uint8_t reserved;
  AbiAddress source, destination;
  uint16_t source_port, source_port_to;  // a range; the second 0: only the first
  uint16_t port, port_to;                // of the destination
  char name[32];                         // for people
};

struct FirewallConfig {
  Verdict fallback;     // key `default`: when no rule fits
  uint8_t stateful;     // answers of accepted flows pass without a rule
  uint8_t pick_up;      // a rule may accept a TCP flow in its middle (after a restart)
  Verdict other;        // frames that are neither IP nor ARP
  uint32_t table_size;  // flows
  uint32_t tcp_established, tcp_opening, tcp_closing, udp, udp_opening, icmp;  // idle, ms
  uint32_t refusals;  // at most so many `reject` answers in a second
  uint32_t rule_count, reserved;
  FirewallRule rules[firewall_most_rules];
};

enum class FirewallCounter : uint32_t {
  accepted,
  established,
  related,
  dropped,
  rejected,
  by_default,
  neighbours,
  malformed,
  invalid,
  stray_fragments,
  table_full,
  evicted,
  refusals_limited,
  later_rules,
  count
};

}  // namespace vireo::vnf
