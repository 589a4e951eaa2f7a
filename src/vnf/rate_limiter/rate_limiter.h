// SPDX-License-Identifier: Apache-2.0
// Drops what is over a rate: of all packets of one direction together, and of each flow. A token
// bucket each (RFC 2697, with one rate and one colour). Transparent, between two ports; a direction
// is named by the port that it comes in by.
//
// A segmented packet is counted whole: a bucket must hold the largest one, 64 KiB, or TCP stalls.
// Only IP is limited: ARP and other frames pass. Buckets are not handed over: the next generation
// begins with full ones.
#pragma once
#include "vnf/fields.h"
#include "vnf/flow_key.h"
#include "vnf/flow_table.h"
#include "vnf/parse.h"

namespace vireo::vnf {

struct RateLimiterConfig {
  uint64_t rate, flow_rate;    // bits in a second; 0: no limit
  uint32_t burst, flow_burst;  // bytes
  uint8_t from;                // which direction: 0 both, 1 and 2 that from the first, second port
  uint8_t reserved[3];
  uint32_t table_size;  // flows at once
  uint32_t idle;        // ms after which a flow is forgotten
};

enum class RateLimiterCounter : uint32_t {
  passed,
  over_rate,
  over_flow_rate,
  table_full,
  not_ip,
  malformed,
  count
};

namespace rate_limiter_tables {

inline constexpr FieldTable fields[] = {
    {.name = "rate",
     .type = Field::u64,
     .offset = offsetof(RateLimiterConfig, rate),
     .fallback = "0",
     .help = "bits in a second of each direction; 0: no limit"},
    {.name = "burst",
     .type = Field::u32,
     .offset = offsetof(RateLimiterConfig, burst),
     .minimum = 65536,
     .maximum = 0xffffffff,
     .fallback = "262144",
     .help = "bytes that may pass at once after a pause"},
    {.name = "flow_rate",
     .type = Field::u64,
     .offset = offsetof(RateLimiterConfig, flow_rate),
     .fallback = "0",
     .help = "the same of one flow: addresses, protocol and ports"},
    {.name = "flow_burst",
     .type = Field::u32,
     .offset = offsetof(RateLimiterConfig, flow_burst),
     .minimum = 65536,
     .maximum = 0xffffffff,
     .fallback = "131072",
     .help = "the same of one flow"},
    {.name = "from",
     .type = Field::choice,
     .offset = offsetof(RateLimiterConfig, from),
     .choices = "any,first,second",
     .fallback = "\"any\"",
     .help = "limits only what comes in by this port"},
    {.name = "table_size",
     .type = Field::u32,
     .offset = offsetof(RateLimiterConfig, table_size),
     .minimum = 16,
     .maximum = 1u << 20,
     .fallback = "16384",
     .help = "flows at once; packets of more share the rate of one flow"},
    idle_field("idle", offsetof(RateLimiterConfig, idle), 100, "\"30s\"",
               "a flow without packets for longer is forgotten"),
};

inline constexpr const char* counters[] = {"passed",     "over_rate", "over_flow_rate",
                                           "table_full", "not_ip",    "malformed"};
static_assert(array_size(counters) == static_cast<uint32_t>(RateLimiterCounter::count));

}  // namespace rate_limiter_tables

// Holds at most `burst` bytes, and fills with `rate` bits in a second; full at first.
struct TokenBucket {
  uint64_t filled_ns;  // up to when it has been filled
  uint64_t tokens_ns;  // what it holds, as the time in which it flowed in
  // The time that one byte takes to flow in is `8e9 / rate`: bytes are multiplied, never divided.
  bool take(uint64_t bytes, uint64_t rate, uint64_t burst, uint64_t now_ns);
};

class RateLimiter {
 public:
  using Config = RateLimiterConfig;
  static constexpr FunctionTable table = {
      .name = "rate-limiter",
      .summary = "drops what is over a rate, of all packets and of each flow",
      .role = Role::transparent,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = 2,
      .config_size = sizeof(Config),
      .fields = rate_limiter_tables::fields,
      .field_count = array_size(rate_limiter_tables::fields),
      .counters = rate_limiter_tables::counters,
      .counter_count = array_size(rate_limiter_tables::counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t now_ns);

 private:
  struct Flow {
    FlowKey key;  // of one direction, and of the port it came in by
    TokenBucket bucket;
    uint32_t next;
    bool used;
  };

  void handle(Packet& packet, uint64_t now_ns);
  bool flow_may_pass(const Packet& packet, const Headers& h, uint64_t now_ns);
  void drop(Packet& packet, DropReason reason, RateLimiterCounter counter);
  void count(RateLimiterCounter counter) { vitals_->counters[static_cast<uint32_t>(counter)]++; }

  Config config_{};
  Vitals* vitals_ = nullptr;
  TokenBucket total_[2] = {};  // by the port that packets come in by
  TokenBucket overflow_ = {};  // of flows that the table has no room for
  FlowTable<Flow> flows_;
  HashKey key_;
};

}  // namespace vireo::vnf
