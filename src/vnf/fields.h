// SPDX-License-Identifier: Apache-2.0
// Rows of configuration that several functions have: a key means the same in each, within the same
// bounds. `offset` is its place in the function's own Config.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

// What is idle for longer is forgotten; `least` in milliseconds.
constexpr FieldTable idle_field(const char* name, uint32_t offset, uint64_t least,
                                const char* fallback, const char* help) {
  return {.name = name,
          .type = Field::duration_ms,
          .offset = offset,
          .minimum = least,
          .maximum = 0xffffffff,
          .fallback = fallback,
          .help = help};
}

// The rate of a RefusalLimit (vnf/refusal.h).
constexpr FieldTable refusals_field(uint32_t offset, const char* help) {
  return {.name = "refusals",
          .type = Field::u32,
          .offset = offset,
          .maximum = 1'000'000,
          .fallback = "1000",
          .help = help};
}

// What sources and sinks of TCP streams are told, whose TCP it may be. 5001 is the port of iperf 2.
constexpr FieldTable stream_port_field(uint32_t offset, const char* help) {
  return {.name = "port",
          .type = Field::u16,
          .offset = offset,
          .minimum = 1,
          .maximum = 65535,
          .fallback = "5001",
          .help = help};
}
constexpr FieldTable stream_server_field(uint32_t offset) {
  return {.name = "server",
          .type = Field::ip,
          .offset = offset,
          .required = true,
          .help = "the address of the server"};
}
constexpr FieldTable stream_duration_field(uint32_t offset) {
  return {.name = "duration",
          .type = Field::duration_ms,
          .offset = offset,
          .fallback = "\"10s\"",
          .help = "how long to send; 0: without end"};
}
constexpr FieldTable stream_bytes_field(uint32_t offset) {
  return {.name = "bytes",
          .type = Field::u64,
          .offset = offset,
          .help = "how much to send at most; 0: no limit"};
}

}  // namespace vireo::vnf
