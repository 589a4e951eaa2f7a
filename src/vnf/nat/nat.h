// SPDX-License-Identifier: Apache-2.0
// A router of two ports that translates IPv4 sources (RFC 4787, 5382, 5508) and routes IPv6
// untranslated. It is a neighbour on both links: it answers ARP, neighbour discovery and ping.
#pragma once
#include "vnf/nat/fields.h"
#include "vnf/nat/mappings.h"
#include "vnf/nat/rewrite.h"
#include "vnf/routing/router_core.h"

namespace vireo::vnf {

class Nat : private RouterCore<NatCounter> {
 public:
  using Config = NatConfig;
  static constexpr FunctionTable table = {
      .name = "nat",
      .summary = "routes between two links, translating the IPv4 sources of the inside one",
      .role = Role::routed,
      .ports = Ports::packet,
      .fewest_ports = 2,
      .most_ports = 2,
      .state_version = 2,
      .config_size = sizeof(Config),
      .fields = nat_tables::fields,
      .field_count = array_size(nat_tables::fields),
      .counters = nat_tables::counters,
      .counter_count = array_size(nat_tables::counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  void tick(uint64_t now_ns);
  // Of version 2: neighbours, then mappings; version 1 has mappings alone.
  void export_state(StateSink& sink);
  bool import_state(StateSource& source);

 private:
  void set_now(uint64_t now_ns);
  void handle(Packet& packet, Batch& batch);
  void handle4(Packet& packet, const Headers& h, Batch& batch);
  void handle6(Packet& packet, const Headers& h, Batch& batch);

  void from_outside(Packet& packet, const Headers& h, Batch& batch);
  void from_inside(Packet& packet, const Headers& h, Batch& batch);
  void hairpin(Packet& packet, const Headers& h, Batch& batch);
  void to_ourselves(Packet& packet, const Headers& h);

  // False: refused or dropped, `packet` says how.
  bool translate_source(Packet& packet, const Headers& h);
  bool translate_destination(Packet& packet, const Headers& h);
  bool translate_error_in(Packet& packet, const Headers& h);
  bool translate_error_out(Packet& packet, const Headers& h);
  // The mapping by which an end is translated; no_entry: likewise.
  uint32_t mapping_for_source(Packet& packet, const Headers& h);
  uint32_t mapping_for_destination(Packet& packet, const Headers& h);
  uint32_t mapping_of_first(Packet& packet, const Headers& h);
  // Of the packet that an error quotes, by the end that was translated.
  uint32_t mapping_for_quoted(Packet& packet, const Headers& h, Headers& quoted, End end);

  uint8_t inside_ = 0, outside_ = 0;
  bool hairpin_ = false;
  const uint8_t* outside_address_ = nullptr;  // nullptr: no IPv4 there
  Mappings mappings_;
  FragmentCache fragments_;
};

}  // namespace vireo::vnf
