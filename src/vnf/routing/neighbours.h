// SPDX-License-Identifier: Apache-2.0
// Who is behind an address on a link: seeded by the identity page, else learned by ARP (RFC 826)
// and neighbour discovery (RFC 4861). Answers for our own addresses. A packet whose next hop is not
// yet known is dropped while it is asked for: its sender sends again.
#pragma once
#include "vnf/checksum.h"
#include "vnf/flow_table.h"
#include "vnf/function.h"

namespace vireo::vnf {

class Neighbours {
 public:
  enum class Node : uint8_t { router, host };         // whether it passes packets on
  bool configure(const Context& context, Node node);  // false: no memory
  // The first one also dates what was imported before.
  void set_now(int64_t now_ms);

  // What has been learned, for the next generation: its packets need not wait for answers. Their
  // number goes first, so that a function's own state may follow.
  void export_state(StateSink& sink) const;
  bool import_state(StateSource& source);  // false: not understood

  // True: the packet was about neighbours; its `out` is set and it needs nothing more.
  bool take(Packet& packet, const Headers& h);

  // The MAC of a next hop on a port, or nullptr; asks when it has to, with a packet of the batch.
  const uint8_t* find(uint8_t port, Network network, const uint8_t* address, Batch& batch);

 private:
  static constexpr uint32_t capacity = 1024;
  static constexpr int64_t fresh_ms = 60'000, lost_ms = 180'000, ask_ms = 1000;

  struct Key {
    uint8_t address[16];
    uint8_t port, family, reserved[6];
  };
  enum class State : uint8_t { asked, known, permanent };
  struct Entry {
    Key key;
    int64_t known_ms, asked_ms;
    uint32_t next;
    bool used;
    State state;
    uint8_t mac[6];
  };

  struct Record {  // of version 1
    uint8_t address[16];
    uint32_t age_ms;
    uint8_t port, family, mac[6];
  };
  static_assert(sizeof(Record) == 28);

  bool lasts(const Entry& entry) const;
  bool import_one(const Record& record);
  static Key key_of(uint8_t port, Network network, const uint8_t* address);
  Entry* entry(const Key& key, bool make);
  void learn(const Key& key, const uint8_t* mac, bool make);
  bool ours(uint8_t port, Network network, const uint8_t* address) const;
  void ask(const Key& key, Batch& batch);
  void write_arp_request(Packet& packet, const Key& key);
  void write_solicitation(Packet& packet, const Key& key);
  bool take_arp(Packet& packet, const Headers& h);
  bool take_discovery(Packet& packet, const Headers& h);
  void answer_solicitation(Packet& packet, const Headers& h, bool probing);

  const Identity* identity_ = nullptr;
  Node node_ = Node::router;
  FlowTable<Entry> entries_;
  HashKey key_;
  int64_t now_ms_ = 0;
  bool clock_known_ = false;
};

}  // namespace vireo::vnf
