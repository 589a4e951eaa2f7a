// SPDX-License-Identifier: Apache-2.0
// What the platform is told of the NAT's configuration and counters.
#pragma once
#include "vnf/fields.h"
#include "vnf/nat/config.h"

namespace vireo::vnf::nat_tables {

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
    idle_field("tcp_established", offsetof(NatConfig, tcp_established), 1000, "\"7440s\"",
               "a TCP connection idle for longer is forgotten"),
    idle_field("tcp_transitory", offsetof(NatConfig, tcp_transitory), 100, "\"240s\"",
               "the same while it opens or closes"),
    idle_field("udp", offsetof(NatConfig, udp), 100, "\"300s\"", "an idle UDP mapping"),
    idle_field("icmp", offsetof(NatConfig, icmp), 100, "\"60s\"", "an idle echo"),
    refusals_field(offsetof(NatConfig, refusals), "own ICMP errors in a second at most"),
};

inline constexpr const char* counters[] = {
    "translated_out", "translated_in", "hairpinned",  "routed",          "errors_translated",
    "answered",       "neighbours",    "no_mapping",  "table_full",      "source_limit",
    "no_port",        "unresolved",    "no_route",    "hop_limit",       "too_big",
    "not_for_us",     "malformed",     "unsupported", "stray_fragments", "refusals_limited"};
static_assert(array_size(counters) == static_cast<uint32_t>(NatCounter::count));

}  // namespace vireo::vnf::nat_tables
