// SPDX-License-Identifier: Apache-2.0
#include "vnf/nat/mappings.h"

namespace vireo::vnf {

const char* Mappings::configure(const Context& context, const NatConfig& config) {
  if (config.first_port > config.last_port) return "`first_port` is above `last_port`";
  key_ = hash_key_of(*context.identity);
  first_port_ = config.first_port;
  last_port_ = config.last_port;
  per_source_ = config.per_source;
  established_ = config.tcp_established;
  transitory_ = config.tcp_transitory;
  udp_ = config.udp;
  icmp_ = config.icmp;
  by_port_ = static_cast<uint32_t*>(context.memory(sizeof(uint32_t) * protocols * ports));
  const bool memory = by_port_ != nullptr && mappings_.reserve(context.memory, config.table_size) &&
                      sources_.reserve(context.memory, config.table_size);
  return memory ? nullptr : "no memory for the table of mappings";
}

void Mappings::set_now(int64_t now_ms) {
  if (!clock_known_)
    for (uint32_t i = 1; i < mappings_.end(); i++)
      if (mappings_[i].used) mappings_[i].used_ms += now_ms - now_ms_;
  clock_known_ = true;
  now_ms_ = now_ms;
}

uint32_t Mappings::kind_of(uint8_t protocol) {
  switch (protocol) {
    case protocol_tcp:
      return 0;
    case protocol_udp:
      return 1;
    case protocol_icmp:
      return 2;
    default:
      return protocols;
  }
}

bool Mappings::expired(const Mapping& mapping) const {
  uint32_t lifetime = mapping.inside.protocol == protocol_udp ? udp_ : icmp_;
  if (mapping.inside.protocol == protocol_tcp)
    lifetime = mapping.phase == TcpPhase::established ? established_ : transitory_;
  return now_ms_ - mapping.used_ms > lifetime;
}

uint32_t Mappings::find_raw(const InsideEnd& inside) const {
  return mappings_.find(hash_of(key_, inside), [&](const Mapping& mapping) {
    return __builtin_memcmp(&mapping.inside, &inside, sizeof inside) == 0;
  });
}

uint32_t Mappings::find_inside(const InsideEnd& inside) const {
  const uint32_t at = find_raw(inside);
  return at != no_entry && expired(mappings_[at]) ? no_entry : at;
}

uint32_t Mappings::find_outside(uint8_t protocol, uint16_t port) const {
  const uint32_t kind = kind_of(protocol);
  if (kind == protocols) return no_entry;
  const uint32_t at = by_port_[kind * ports + port];
  return at != no_entry && expired(mappings_[at]) ? no_entry : at;
}

uint32_t Mappings::source_of(const uint8_t* address, bool make) {
  SourceKey key = {};
  copy_bytes(key.address, address, 4);
  const uint32_t hash = hash_of(key_, key);
  uint32_t at = sources_.find(
      hash, [&](const Source& source) { return same_bytes(source.address, key.address, 8); });
  if (at != no_entry || !make) return at;
  at = sources_.insert(hash);
  if (at != no_entry) copy_bytes(sources_[at].address, key.address, 8);
  return at;
}

// The inside port itself if it is free, else the next free one from a random place (RFC 6056).
uint32_t Mappings::free_port(uint32_t kind, uint16_t wish) {
  const uint32_t* taken = by_port_ + kind * ports;
  if (wish >= first_port_ && wish <= last_port_ && taken[wish] == no_entry) return wish;
  const uint32_t range = last_port_ - first_port_ + 1;
  if (in_range_[kind] >= range) return 0;
  const uint64_t random = mix_words(key_.first ^ ++made_, key_.second | 1);
  uint32_t port = first_port_ + static_cast<uint32_t>(random % range);
  for (uint32_t i = 0; i < range; i++, port++) {
    if (port > last_port_) port = first_port_;
    if (taken[port] == no_entry) return port;
  }
  return 0;
}

uint32_t Mappings::add(const InsideEnd& inside, uint16_t outside_port) {
  const uint32_t at = mappings_.insert(hash_of(key_, inside));
  Mapping& mapping = mappings_[at];
  mapping.inside = inside;
  mapping.outside_port = outside_port;
  mapping.used_ms = now_ms_;
  mapping.source = source_of(inside.address, true);
  sources_[mapping.source].count++;
  const uint32_t kind = kind_of(inside.protocol);
  by_port_[kind * ports + outside_port] = at;
  if (outside_port >= first_port_ && outside_port <= last_port_) in_range_[kind]++;
  return at;
}

uint32_t Mappings::make(const InsideEnd& inside, Refused& why) {
  const uint32_t old = find_raw(inside);
  if (old != no_entry) erase(old);  // expired: callers have looked
  why = Refused::table_full;
  if (mappings_.full()) return no_entry;
  const uint32_t source = source_of(inside.address, false);
  why = Refused::source_limit;
  if (source != no_entry && sources_[source].count >= per_source_) return no_entry;
  const uint32_t port = free_port(kind_of(inside.protocol), inside.port);
  why = Refused::no_port;
  if (port == 0) return no_entry;
  why = Refused::no;
  return add(inside, static_cast<uint16_t>(port));
}

void Mappings::note(uint32_t index, uint8_t tcp_flags, bool from_inside) {
  Mapping& mapping = mappings_[index];
  mapping.used_ms = now_ms_;
  if (mapping.inside.protocol != protocol_tcp) return;
  const uint8_t end = from_inside ? 1 : 2;
  if ((tcp_flags & (Tcp::syn | Tcp::ack)) == Tcp::syn && from_inside) {
    mapping.finished = 0;
    if (mapping.phase == TcpPhase::closing) mapping.phase = TcpPhase::opening;
  }
  if ((tcp_flags & Tcp::fin) != 0) mapping.finished = static_cast<uint8_t>(mapping.finished | end);
  if ((tcp_flags & Tcp::rst) != 0 || mapping.finished == 3) {
    mapping.phase = TcpPhase::closing;
  } else if ((tcp_flags & Tcp::syn) == 0 && from_inside) {
    // Only the inside end can make it last: strangers could keep a mapping alive otherwise.
    mapping.phase = TcpPhase::established;
  }
}

void Mappings::erase(uint32_t index) {
  const Mapping& mapping = mappings_[index];
  const uint32_t kind = kind_of(mapping.inside.protocol);
  by_port_[kind * ports + mapping.outside_port] = no_entry;
  if (mapping.outside_port >= first_port_ && mapping.outside_port <= last_port_) in_range_[kind]--;
  Source& source = sources_[mapping.source];
  if (--source.count == 0) {
    SourceKey key = {};
    copy_bytes(key.address, source.address, 8);
    sources_.erase(hash_of(key_, key), mapping.source);
  }
  mappings_.erase(hash_of(key_, mapping.inside), index);
}

void Mappings::sweep(uint32_t slots) {
  mappings_.sweep(slots, [&](uint32_t at) {
    if (expired(mappings_[at])) erase(at);
  });
}

void Mappings::export_state(StateSink& sink) const {
  for (uint32_t i = 1; i < mappings_.end(); i++) {
    const Mapping& mapping = mappings_[i];
    if (!mapping.used || expired(mapping)) continue;
    Record record = {};
    record.inside = mapping.inside;
    copy_bytes(record.outside, outside_, 4);
    record.age_ms = static_cast<uint32_t>(now_ms_ - mapping.used_ms);
    record.outside_port = mapping.outside_port;
    record.phase = mapping.phase;
    record.finished = mapping.finished;
    sink.write(&sink, &record, sizeof record);
  }
}

bool Mappings::import_one(const Record& record) {
  const uint32_t kind = kind_of(record.inside.protocol);
  if (kind == protocols || record.outside_port == 0 || record.phase > TcpPhase::closing ||
      record.finished > 3 || record.inside.reserved != 0)
    return false;
  // Remote ends know the mapping by the address that it had.
  const bool ours = same_bytes(record.outside, outside_, 4);
  const bool taken = by_port_[kind * ports + record.outside_port] != no_entry;
  if (!ours || taken || mappings_.full() || find_raw(record.inside) != no_entry) return true;
  Mapping& mapping = mappings_[add(record.inside, record.outside_port)];
  mapping.used_ms = now_ms_ - record.age_ms;
  mapping.phase = record.phase;
  mapping.finished = record.finished;
  return true;
}

bool Mappings::import_state(StateSource& source) {
  Record record;
  while (source.read(&source, &record, sizeof record))
    if (!import_one(record)) return false;
  return true;
}

}  // namespace vireo::vnf
