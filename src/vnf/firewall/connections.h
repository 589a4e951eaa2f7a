// SPDX-License-Identifier: Apache-2.0
// The flows that a rule has accepted. TCP is followed by its flags, not by its sequence numbers.
// When the table is full, flows that never got an answer give way (at most `search` of them are
// looked at); an established one never does.
#pragma once
#include "vnf/firewall/config.h"
#include "vnf/flow_key.h"
#include "vnf/flow_table.h"
#include "vnf/parse.h"

namespace vireo::vnf {

class Connections {
 public:
  enum class Phase : uint8_t { opening, established, closing };

  bool configure(const Context& context, const FirewallConfig& config);

  // Time of the following calls. The first one also dates what was imported before.
  void set_now(int64_t now_ms);

  // What the packet is part of, if it is: notes what the packet says and gives true.
  bool pass(const Headers& h);
  // Whether an ICMP error quotes a packet that a known flow has sent the other way.
  bool related(const Headers& h) const;

  enum class Added { yes, evicted_one, full };
  Added add(const Headers& h);

  void sweep(uint32_t slots);
  uint32_t size() const { return flows_.size(); }

  void export_state(StateSink& sink) const;
  bool import_state(StateSource& source);

 private:
  static constexpr uint32_t search = 16;

  struct Flow {
    FlowKey key;
    int64_t used_ms;
    uint32_t next;
    bool used;
    Phase phase;
    uint8_t initiator;  // which end of the key
    uint8_t finished;   // bit for each end that sent FIN
  };
  struct Record {  // of version 1
    FlowKey key;
    uint32_t age_ms;
    Phase phase;
    uint8_t initiator, finished, reserved;
  };
  static_assert(sizeof(Record) == 48);

  // The ends in a fixed order, an echo's id as both ports; `sender` is the end it came from. False:
  // a packet of no flow that could be followed.
  static bool key_of(const Headers& h, FlowKey& key, uint8_t& sender);
  uint32_t find(const FlowKey& key, uint32_t hash) const;
  void note(Flow& flow, const Headers& h, uint8_t sender);
  int64_t lifetime(const Flow& flow) const;
  bool expired(const Flow& flow) const { return now_ms_ - flow.used_ms > lifetime(flow); }
  void erase(uint32_t index) { flows_.erase(hash_of(key_, flows_[index].key), index); }
  bool evict_one();
  bool valid(const Record& record) const;

  FlowTable<Flow> flows_;
  HashKey key_;
  int64_t now_ms_ = 0;
  bool clock_known_ = false;
  uint32_t tcp_[3] = {}, udp_[3] = {}, icmp_ = 0;  // by phase
};

}  // namespace vireo::vnf
