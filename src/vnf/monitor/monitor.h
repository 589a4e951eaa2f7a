// SPDX-License-Identifier: Apache-2.0
// Watches what passes: counts packets by protocol, keeps a table of flows, and writes those that
// moved most into the instance's log, once an interval:
//   top 1: 10.0.0.1:40000 > 10.0.0.2:80 tcp 12345678 bytes 8211 packets, back 493211 bytes 4105
//   packets
// Transparent; drops nothing. A flow is both directions of a conversation, as the first packet of
// it that was seen went. The next generation begins with an empty table.
#pragma once
#include "vnf/fields.h"
#include "vnf/flow_key.h"
#include "vnf/flow_table.h"
#include "vnf/parse.h"
#include "vnf/text.h"

namespace vireo::vnf {

inline constexpr uint32_t monitor_most_top = 50;

struct MonitorConfig {
  uint32_t interval;    // ms; 0: nothing is written
  uint32_t top;         // flows of an interval that are written
  uint32_t table_size;  // flows at once
  uint32_t idle;        // ms after which a flow is forgotten
};

enum class MonitorCounter : uint32_t {
  packets,
  bytes,
  tcp,
  udp,
  icmp,
  other_ip,
  not_ip,
  malformed,
  flows_seen,
  table_full,
  count
};

namespace monitor_tables {

inline constexpr FieldTable fields[] = {
    {.name = "interval",
     .type = Field::duration_ms,
     .offset = offsetof(MonitorConfig, interval),
     .maximum = 86'400'000,
     .fallback = "\"10s\"",
     .help = "how often the top flows are written to the log; 0s: never"},
    {.name = "top",
     .type = Field::u32,
     .offset = offsetof(MonitorConfig, top),
     .minimum = 1,
     .maximum = monitor_most_top,
     .fallback = "5",
     .help = "how many are written"},
    {.name = "table_size",
     .type = Field::u32,
     .offset = offsetof(MonitorConfig, table_size),
     .minimum = 16,
     .maximum = 1u << 18,
     .fallback = "16384",
     .help = "flows at once; packets of more are counted, but belong to none"},
    idle_field("idle", offsetof(MonitorConfig, idle), 1000, "\"60s\"",
               "a flow without packets for longer is forgotten"),
};

inline constexpr const char* counters[] = {"packets",    "bytes",     "tcp",    "udp",
                                           "icmp",       "other_ip",  "not_ip", "malformed",
                                           "flows_seen", "table_full"};
static_assert(array_size(counters) == static_cast<uint32_t>(MonitorCounter::count));

}  // namespace monitor_tables

class Monitor {
 public:
  using Config = MonitorConfig;
  static constexpr FunctionTable table = {
      .name = "monitor",
      .summary = "counts what passes and logs the flows that move most",
      .role = Role::transparent,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = 2,
      .config_size = sizeof(Config),
      .fields = monitor_tables::fields,
      .field_count = array_size(monitor_tables::fields),
      .counters = monitor_tables::counters,
      .counter_count = array_size(monitor_tables::counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t now_ns);

 private:
  struct Sum {
    uint64_t bytes, packets;
  };
  struct Flow {
    FlowKey key;
    Sum interval[2];  // by the end that sent
    uint64_t seen_ns;
    uint32_t next;
    bool used;
    uint8_t first;  // the end that sent the first packet
  };

  void watch(const Packet& packet, uint64_t now_ns);
  void count(MonitorCounter counter, uint64_t amount = 1) {
    vitals_->counters[static_cast<uint32_t>(counter)] += amount;
  }
  void count_flow(const Packet& packet, const Headers& h, uint64_t now_ns);
  void report();
  void write(uint32_t number, const Flow& flow);
  static uint64_t moved(const Flow& flow) {
    return flow.interval[0].bytes + flow.interval[1].bytes;
  }
  void add_end(const FlowKey& key, uint32_t end);

  Config config_{};
  Vitals* vitals_ = nullptr;
  void (*log_)(const char* line) = nullptr;
  FlowTable<Flow> flows_;
  HashKey key_;
  uint64_t report_ns_ = 0;
  TextLine line_;
};

}  // namespace vireo::vnf
