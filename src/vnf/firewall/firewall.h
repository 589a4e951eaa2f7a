// SPDX-License-Identifier: Apache-2.0
// A transparent firewall of two ports: ordered rules, IPv4 and IPv6, connection tracking, counts by
// rule, refusals by TCP reset or ICMP. Address resolution always passes: it must, for the ends see
// each other as neighbours. Later fragments follow their first one's verdict.
#pragma once
#include "vnf/firewall/connections.h"
#include "vnf/firewall/fields.h"
#include "vnf/firewall/rules.h"
#include "vnf/fragment_cache.h"
#include "vnf/refusal.h"

namespace vireo::vnf {

class Firewall {
 public:
  using Config = FirewallConfig;
  static constexpr FunctionTable table = {
      .name = "firewall",
      .summary = "passes or refuses packets by ordered rules, with connection tracking",
      .role = Role::transparent,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = 2,
      .state_version = 1,
      .config_size = sizeof(Config),
      .fields = firewall_tables::fields,
      .field_count = array_size(firewall_tables::fields),
      .counters = firewall_tables::counters,
      .counter_count = array_size(firewall_tables::counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t now_ns);
  void export_state(StateSink& sink);
  bool import_state(StateSource& source);

 private:
  void judge(Packet& packet);
  Verdict judge_ip(const Headers& h, uint8_t in);
  Verdict judge_by_rules(const Headers& h, uint8_t in);
  bool is_neighbour_talk(const Headers& h) const;
  void carry_out(Packet& packet, const Headers& h, Verdict verdict);
  void refuse(Packet& packet, const Headers& h);
  void drop(Packet& packet, DropReason reason);
  void count(FirewallCounter counter) { vitals_->counters[static_cast<uint32_t>(counter)]++; }
  void count_rule(uint32_t rule);

  Vitals* vitals_ = nullptr;
  Verdict fallback_{}, other_{};
  bool stateful_ = false, pick_up_ = false;
  DropReason reason_{};  // of the packet at hand
  int64_t now_ms_ = 0;
  RuleList rules_;
  Connections connections_;
  FragmentCache fragments_;
  RefusalLimit limit_;
};

}  // namespace vireo::vnf
