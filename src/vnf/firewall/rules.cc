// SPDX-License-Identifier: Apache-2.0
#include "vnf/firewall/rules.h"

namespace vireo::vnf {
namespace {

struct Words {
  uint64_t word[2] = {};
};

Words words_of(const uint8_t* address, uint32_t bytes) {
  Words words;
  __builtin_memcpy(words.word, address, bytes);
  return words;
}

bool compile_range(uint16_t first, uint16_t last, uint16_t (&range)[2]) {
  range[0] = first;
  range[1] = last != 0 ? last : first;
  if (first == 0 && last == 0) range[1] = 0xffff;
  return range[0] <= range[1];
}

RuleProtocol protocol_of(const Headers& h) {
  switch (h.protocol) {
    case protocol_tcp:
      return RuleProtocol::tcp;
    case protocol_udp:
      return RuleProtocol::udp;
    case protocol_icmp:
    case protocol_icmp6:
      return RuleProtocol::icmp;
    default:
      return RuleProtocol::any;
  }
}

}  // namespace

const char* RuleList::compile_one(const FirewallRule& from, Rule& to) {
  to = {};
  to.action = from.action;
  to.in = from.from == Side::any ? any_port : from.from == Side::first ? 0 : 1;
  to.protocol = from.protocol;
  to.ports = (from.source_port | from.source_port_to | from.port | from.port_to) != 0;
  if (!compile_range(from.source_port, from.source_port_to, to.source_port) ||
      !compile_range(from.port, from.port_to, to.port))
    return "the last port of a range is below the first";
  if (to.ports && from.protocol != RuleProtocol::tcp && from.protocol != RuleProtocol::udp)
    return "ports need protocol tcp or udp";
  if (from.source.family != 0 && from.destination.family != 0 &&
      from.source.family != from.destination.family)
    return "source and destination are of different families";
  const AbiAddress* given[2] = {&from.source, &from.destination};
  Address* compiled[2] = {&to.source, &to.destination};
  for (int i = 0; i < 2; i++) {
    if (given[i]->family == 0) continue;
    to.family = given[i]->family;
    if (given[i]->prefix_length > (to.family == 4 ? 32 : 128)) return "a prefix is too long";
    uint8_t mask[16] = {};
    for (uint32_t bit = 0; bit < given[i]->prefix_length; bit++)
      mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | (0x80u >> bit % 8));
    __builtin_memcpy(compiled[i]->mask, mask, sizeof mask);
    __builtin_memcpy(compiled[i]->bits, given[i]->bytes, sizeof given[i]->bytes);
    for (int w = 0; w < 2; w++) compiled[i]->bits[w] &= compiled[i]->mask[w];
  }
  return nullptr;
}

const char* RuleList::compile(const FirewallRule* rules, uint32_t count, uint32_t& at) {
  if (count > firewall_most_rules) return "too many rules";
  for (at = 0; at < count; at++)
    if (const char* fault = compile_one(rules[at], rules_[at])) return fault;
  count_ = count;
  return nullptr;
}

uint32_t RuleList::first_match(const Headers& h, uint8_t in) const {
  const uint8_t family = h.family();
  const Words source = words_of(h.source(), h.address_bytes());
  const Words destination = words_of(h.destination(), h.address_bytes());
  const RuleProtocol protocol = protocol_of(h);
  const bool ports = h.transport == Transport::tcp || h.transport == Transport::udp;
  const uint16_t source_port = ports ? h.tcp().source() : uint16_t{0};
  const uint16_t port = ports ? h.tcp().destination() : uint16_t{0};
  auto lies_in = [](const Words& address, const Address& prefix) {
    return (((address.word[0] & prefix.mask[0]) ^ prefix.bits[0]) |
            ((address.word[1] & prefix.mask[1]) ^ prefix.bits[1])) == 0;
  };
  for (uint32_t i = 0; i < count_; i++) {
    const Rule& rule = rules_[i];
    if (rule.family != 0 && rule.family != family) continue;
    if (rule.in != any_port && rule.in != in) continue;
    if (rule.protocol != RuleProtocol::any && rule.protocol != protocol) continue;
    if (!lies_in(source, rule.source) || !lies_in(destination, rule.destination)) continue;
    if (rule.ports != 0 &&
        (!ports || source_port < rule.source_port[0] || source_port > rule.source_port[1] ||
         port < rule.port[0] || port > rule.port[1]))
      continue;
    return i;
  }
  return none;
}

}  // namespace vireo::vnf
