// SPDX-License-Identifier: Apache-2.0
// What the platform is told of the NAT's configuration and counters.
#pragma once
#include "vnf/nat/config.h"

namespace vireo::vnf::nat_tables {

constexpr FieldTable time_field(const char* name, uint32_t offset, uint64_t least,
                                const char* fallback, const char* help) {
  return {.name = name,
          .type = Field::duration_ms,
          .offset = offset,
          .minimum = least,
          .maximum = 0xffffffff,
          .fallback = fallback,
          .help = help};
}

inline constexpr FieldTable fields[] = {
    {.name = "inside",
     .type = Field::choice,
     .offset = offsetof(NatConfig, inside),
     .choices = "first,second",
     .fallback = "\"second\"",
     .help = "the port that the translated hosts are behind"},
    {.name = "hairpin",
     .type = Field::boolean,
     .offset = offsetof(NatConfig, hairpin),
     .fallback = "true",
     .help = "inside hosts reach each other by their outside addresses"},
    {.name = "first_port",
     .type = Field::u16,
     .offset = offsetof(NatConfig, first_port),
     .minimum = 1,
     .maximum = 65535,
     .fallback = "1024",
     .help = "first port to translate to"},
    {.name = "last_port",
     .type = Field::u16,
     .offset = offsetof(NatConfig, last_port),
     .minimum = 1,
     .maximum = 65535,
     .fallback = "65535",
     .help = "last port to translate to"},
    {.name = "table_size",
     .type = Field::u32,
     .offset = offsetof(NatConfig, table_size),
     .minimum = 1,
     .maximum = 196608,
     .fallback = "65536",
     .help = "mappings at once"},
    {.name = "per_source",
     .type = Field::u32,
     .offset = offsetof(NatConfig, per_source),
     .minimum = 1,
     .maximum = 196608,
     .fallback = "16384",
     .help = "mappings of one inside address at once"},
    time_field("tcp_established", offsetof(NatConfig, tcp_established), 1000, "\"7440s\"",
               "a TCP connection idle for longer is forgotten"),
    time_field("tcp_transitory", offsetof(NatConfig, tcp_transitory), 100, "\"240s\"",
               "the same while it opens or closes"),
    time_field("udp", offsetof(NatConfig, udp), 100, "\"300s\"", "an idle UDP mapping"),
    time_field("icmp", offsetof(NatConfig, icmp), 100, "\"60s\"", "an idle echo"),
    {.name = "refusals",
     .type = Field::u32,
     .offset = offsetof(NatConfig, refusals),
     .maximum = 1000000,
     .fallback = "1000",
     .help = "own ICMP errors in a second at most"},
};

inline constexpr const char* counters[] = {
    "translated_out", "translated_in", "hairpinned",  "routed",          "errors_translated",
    "answered",       "neighbours",    "no_mapping",  "table_full",      "source_limit",
    "no_port",        "unresolved",    "no_route",    "hop_limit",       "too_big",
    "not_for_us",     "malformed",     "unsupported", "stray_fragments", "refusals_limited"};
static_assert(array_size(counters) == static_cast<uint32_t>(NatCounter::count));

}  // namespace vireo::vnf::nat_tables
