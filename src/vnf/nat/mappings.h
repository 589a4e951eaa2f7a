// SPDX-License-Identifier: Apache-2.0
// Which inside address and port is which outside port. Mapping and filtering are independent of the
// remote end (RFC 4787 REQ-1, REQ-8): a firewall decides who may answer. A mapping is never evicted
// for another (REQ-12): a full table, a source at its limit or an exhausted range refuses new ones.
#pragma once
#include "vnf/flow_table.h"
#include "vnf/nat/config.h"
#include "vnf/parse.h"

namespace vireo::vnf {

enum class TcpPhase : uint8_t { opening, established, closing };

struct InsideEnd {
  uint8_t address[4];
  uint16_t port;  // or the id of an echo
  uint8_t protocol;
  uint8_t reserved;
};

struct Mapping {
  InsideEnd inside;
  int64_t used_ms;
  uint32_t next;
  uint32_t source;  // entry of its inside address
  uint16_t outside_port;
  bool used;
  TcpPhase phase;
  uint8_t finished;  // 1: inside sent FIN, 2: outside
};

class Mappings {
 public:
  const char* configure(const Context& context, const NatConfig& config);  // nullptr, or the fault
  void set_outside(const uint8_t* address) { copy_bytes(outside_, address, 4); }

  // Time of the following calls. The first one also dates what was imported before.
  void set_now(int64_t now_ms);

  uint32_t find_inside(const InsideEnd& inside) const;  // no_entry: none
  uint32_t find_outside(uint8_t protocol, uint16_t port) const;
  enum class Refused { no, table_full, source_limit, no_port };
  uint32_t make(const InsideEnd& inside, Refused& why);
  Mapping& operator[](uint32_t index) { return mappings_[index]; }
  // Notes that a packet used the mapping; `tcp_flags` of TCP.
  void note(uint32_t index, uint8_t tcp_flags, bool from_inside);

  void sweep(uint32_t slots);
  uint32_t size() const { return mappings_.size(); }
  void export_state(StateSink& sink) const;
  bool import_state(StateSource& source);

 private:
  static constexpr uint32_t protocols = 3, ports = 65536;
  struct Source {
    uint8_t address[8];  // four used
    uint32_t next, count;
    bool used;
  };
  struct SourceKey {
    uint8_t address[8];
  };
  struct Record {
    InsideEnd inside;
    uint8_t outside[4];
    uint32_t age_ms;
    uint16_t outside_port;
    TcpPhase phase;
    uint8_t finished;
  };
  static_assert(sizeof(Record) == 20);

  static uint32_t kind_of(uint8_t protocol);  // protocols: not translated
  uint32_t find_raw(const InsideEnd& inside) const;
  uint32_t add(const InsideEnd& inside, uint16_t outside_port);
  uint32_t free_port(uint32_t kind, uint16_t wish);
  uint32_t source_of(const uint8_t* address, bool make);
  bool expired(const Mapping& mapping) const;
  void erase(uint32_t index);
  bool import_one(const Record& record);

  FlowTable<Mapping> mappings_;
  FlowTable<Source> sources_;
  uint32_t* by_port_ = nullptr;  // [kind][port]: the mapping, or no_entry
  uint32_t in_range_[protocols] = {};
  HashKey key_;
  uint64_t made_ = 0;
  int64_t now_ms_ = 0;
  bool clock_known_ = false;
  uint8_t outside_[4] = {};
  uint32_t first_port_ = 0, last_port_ = 0, per_source_ = 0;
  uint32_t established_ = 0, transitory_ = 0, udp_ = 0, icmp_ = 0;
};

}  // namespace vireo::vnf
