// SPDX-License-Identifier: Apache-2.0
// Longest prefix match over a router's links, its static routes and the gateways of its links: one
// hash table, asked once for each prefix length that occurs, from the longest on.
#pragma once
#include "vnf/flow_table.h"
#include "vnf/router/config.h"
#include "vnf/routing/routes.h"
#include "vnf/text.h"

namespace vireo::vnf {

class RouteTable {
 public:
  // A fault as text that stays, or nullptr. Memory is asked for once.
  const char* configure(const Context& context, const RouterConfig& config);
  Routes::Hop find(Network network, const uint8_t* destination) const;

 private:
  struct Key {
    uint8_t prefix[16];
    uint32_t length, family;
  };
  struct Entry {
    Key key;
    uint8_t via[16];
    uint32_t next;
    bool used;
    bool direct;  // on the link itself, no gateway between
    uint8_t port;
    uint8_t reserved;
  };

  static Key key_of(uint8_t family, const uint8_t* address, uint32_t length);
  // nullptr: it is there already.
  Entry* add(const Key& key, uint8_t port);
  const char* add_links(const Identity& identity);
  const char* add_route(const RouterRoute& route, uint32_t number);
  void add_gateway(const AbiAddress& gateway, uint8_t port);
  uint32_t index_of(const Key& key) const;
  const char* fault(uint32_t number, const char* what);

  FlowTable<Entry> entries_;
  HashKey key_;
  uint8_t lengths_[2][129] = {};  // that occur, the longest first; of IPv4 and IPv6
  uint32_t length_count_[2] = {};
  TextLine fault_;
};

}  // namespace vireo::vnf
