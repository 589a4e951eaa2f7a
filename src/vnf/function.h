// SPDX-License-Identifier: Apache-2.0
// What a network function is: a constexpr table that describes it, and a class with a few members.
// Freestanding: no system call, no allocation per packet, no exceptions, no RTTI, no library.
//
// A function's class `F` has
//   struct Config { ... };                  plain data, laid out as its table says
//   static constexpr FunctionTable table;   below
//   bool configure(const Context&, const Config&);   false: context.fail(reason) says why
//   void process(Batch&);                   sets `out` of each packet
//   void tick(uint64_t now_ns);             about ten times a second: time-outs
//   uint64_t transmit(Batch&);              optional: fills `extra` with what it sends of its own
//                                           accord. Called after each batch, and again when the
//                                           time comes that it returned: ns, 0 at once, ~0 never
//   void export_state(StateSink&);          flows as versioned bytes (state_version of the table)
//   bool import_state(StateSource&);        of the same or an older version; false: not understood
// and is the only object of its program: a static, zero-initialised instance without constructor
// work (tables of flows are members of fixed size, or memory asked from Context once).
#pragma once
#include "vnf/abi.h"
#include "vnf/packet.h"

namespace vireo::vnf {

enum class Role : uint8_t { transparent, routed, endpoint };
enum class Ports : uint8_t { packet, stack };
enum class Field : uint8_t {
  boolean,
  u8,
  u16,
  u32,
  u64,
  duration_ms,
  ipv4,
  ipv6,
  ip,
  prefix,
  mac,
  text,
  choice,
  records
};

// One field of Config; encodings are in model/function_type.h.
struct FieldTable {
  const char* name;
  Field type;
  uint32_t offset;
  uint32_t size = 0;  // text, records
  uint32_t most = 0;  // records
  uint64_t minimum = 0, maximum = 0;
  const char* choices = "";  // "accept,drop,reject"
  bool required = false;
  const char* fallback = "";  // JSON text of the value when absent
  const char* help = "";
  const FieldTable* fields = nullptr;  // records
  uint32_t field_count = 0;
};

struct FunctionTable {
  const char* name;
  const char* summary;
  Role role;
  Ports ports;
  uint32_t fewest_ports, most_ports;
  uint32_t state_version = 0;  // 0: no state
  uint32_t config_size = 0;
  const FieldTable* fields = nullptr;
  uint32_t field_count = 0;
  const char* const* counters = nullptr;
  uint32_t counter_count = 0;
};

// How many elements an array has: the counts of a table.
template <class T, uint32_t size>
constexpr uint32_t array_size(const T (&)[size]) {
  return size;
}

// Given once to configure().
struct Context {
  const Identity* identity;
  Vitals* vitals;
  // Zeroed memory for the function's life, page-aligned; nullptr when there is none. Not per
  // packet.
  void* (*memory)(size_t bytes);
  void (*fail)(const char* reason);
  // One line into the instance's log. A system call: in tick(), never per packet.
  void (*log)(const char* line);
};

// Where export_state writes; the back-end carries the bytes away.
struct StateSink {
  void (*write)(StateSink* self, const void* bytes, uint32_t count);
};
struct StateSource {
  uint32_t version;
  // Reads exactly `count` bytes; false when fewer are left.
  bool (*read)(StateSource* self, void* bytes, uint32_t count);
};

}  // namespace vireo::vnf
