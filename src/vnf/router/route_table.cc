// SPDX-License-Identifier: Apache-2.0
#include "vnf/router/route_table.h"

namespace vireo::vnf {
namespace {

constexpr uint32_t most_links = max_ports * (max_addresses + 2);  // with two gateways each

uint32_t bits_of(uint32_t family) { return family == 4 ? 32 : 128; }
uint32_t row_of(uint32_t family) { return family == 4 ? 0 : 1; }
bool is_prefix(const AbiAddress& address) {
  return (address.family == 4 || address.family == 6) &&
         address.prefix_length <= bits_of(address.family);
}

}  // namespace

RouteTable::Key RouteTable::key_of(uint8_t family, const uint8_t* address, uint32_t length) {
  Key key{{}, length, family};
  const uint32_t whole = length / 8, rest = length % 8;
  copy_bytes(key.prefix, address, whole);
  if (rest != 0) key.prefix[whole] = static_cast<uint8_t>(address[whole] & (0xff00u >> rest));
  return key;
}

uint32_t RouteTable::index_of(const Key& key) const {
  return entries_.find(hash_of(key_, key), [&](const Entry& entry) {
    return __builtin_memcmp(&entry.key, &key, sizeof key) == 0;
  });
}

RouteTable::Entry* RouteTable::add(const Key& key, uint8_t port) {
  if (index_of(key) != no_entry) return nullptr;
  Entry& entry = entries_[entries_.insert(hash_of(key_, key))];
  entry.key = key;
  entry.port = port;
  uint8_t* lengths = lengths_[row_of(key.family)];
  uint32_t& count = length_count_[row_of(key.family)];
  uint32_t at = 0;
  while (at < count && lengths[at] > key.length) at++;
  if (at < count && lengths[at] == key.length) return &entry;
  for (uint32_t i = count++; i > at; i--) lengths[i] = lengths[i - 1];
  lengths[at] = static_cast<uint8_t>(key.length);
  return &entry;
}

// Of a prefix that two links have, the first has it.
const char* RouteTable::add_links(const Identity& identity) {
  for (uint8_t p = 0; p < identity.port_count; p++) {
    const AbiPort& port = identity.ports[p];
    for (uint32_t i = 0; i < port.address_count && i < max_addresses; i++) {
      const AbiAddress& own = port.addresses[i];
      if (!is_prefix(own)) return "an address of a port is none";
      if (Entry* entry = add(key_of(own.family, own.bytes, own.prefix_length), p))
        entry->direct = true;
    }
  }
  return nullptr;
}

const char* RouteTable::fault(uint32_t number, const char* what) {
  fault_.clear();
  return fault_.add("`routes[").add(uint64_t{number}).add("]`: ").add(what).text();
}

const char* RouteTable::add_route(const RouterRoute& route, uint32_t number) {
  const AbiAddress& via = route.via;
  if (!is_prefix(route.destination)) return fault(number, "the destination is no prefix");
  if (via.family != route.destination.family)
    return fault(number, "the gateway is of the other IP version than the destination");
  const Routes::Hop link = find(via.family == 4 ? Network::ipv4 : Network::ipv6, via.bytes);
  if (link.port == Routes::nowhere || link.address != via.bytes)
    return fault(number, "the gateway is on none of the links");
  Entry* entry =
      add(key_of(via.family, route.destination.bytes, route.destination.prefix_length), link.port);
  if (entry == nullptr) return fault(number, "a link or an earlier route has that destination");
  copy_bytes(entry->via, via.bytes, bits_of(via.family) / 8);
  return nullptr;
}

// Behind all else: a route of the configuration to everywhere stands before it.
void RouteTable::add_gateway(const AbiAddress& gateway, uint8_t port) {
  if (gateway.family != 4 && gateway.family != 6) return;
  if (Entry* entry = add(key_of(gateway.family, gateway.bytes, 0), port))
    copy_bytes(entry->via, gateway.bytes, bits_of(gateway.family) / 8);
}

const char* RouteTable::configure(const Context& context, const RouterConfig& config) {
  const Identity& identity = *context.identity;
  if (config.route_count > router_most_routes) return "too many routes";
  key_ = hash_key_of(identity);
  if (!entries_.reserve(context.memory, config.route_count + most_links))
    return "no memory for routes";
  if (const char* wrong = add_links(identity)) return wrong;
  for (uint32_t i = 0; i < config.route_count; i++)
    if (const char* wrong = add_route(config.routes[i], i)) return wrong;
  for (uint8_t p = 0; p < identity.port_count; p++) {
    add_gateway(identity.ports[p].gateway4, p);
    add_gateway(identity.ports[p].gateway6, p);
  }
  return nullptr;
}

Routes::Hop RouteTable::find(Network network, const uint8_t* destination) const {
  const uint8_t family = family_of(network);
  const uint32_t row = row_of(family);
  for (uint32_t i = 0; i < length_count_[row]; i++) {
    const uint32_t found = index_of(key_of(family, destination, lengths_[row][i]));
    if (found == no_entry) continue;
    const Entry& entry = entries_[found];
    return {entry.port, entry.direct ? destination : entry.via};
  }
  return {};
}

}  // namespace vireo::vnf
