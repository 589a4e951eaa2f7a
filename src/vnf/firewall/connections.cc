// SPDX-License-Identifier: Apache-2.0
#include "vnf/firewall/connections.h"

namespace vireo::vnf {

bool Connections::configure(const Context& context, const FirewallConfig& config) {
  key_ = hash_key_of(*context.identity);
  tcp_[0] = config.tcp_opening;
  tcp_[1] = config.tcp_established;
  tcp_[2] = config.tcp_closing;
  udp_[0] = config.udp_opening;
  udp_[1] = udp_[2] = config.udp;
  icmp_ = config.icmp;
  return flows_.reserve(context.memory, config.table_size);
}

void Connections::set_now(int64_t now_ms) {
  if (!clock_known_)
    for (uint32_t i = 1; i < flows_.end(); i++)
      if (flows_[i].used) flows_[i].used_ms += now_ms - now_ms_;
  clock_known_ = true;
  now_ms_ = now_ms;
}

bool Connections::key_of(const Headers& h, FlowKey& key, uint8_t& sender) {
  if (h.transport == Transport::none) return false;
  key = directed_key_of(h);
  if (h.transport == Transport::icmp || h.transport == Transport::icmp6) {
    const uint8_t type = h.icmp().type();
    const bool v4 = h.transport == Transport::icmp;
    if (v4 ? type != Icmp::echo_request && type != Icmp::echo_reply
           : type != Icmp::echo_request6 && type != Icmp::echo_reply6)
      return false;
    key.port[0] = key.port[1] = h.icmp().id();
  }
  sender = put_in_order(key);
  return true;
}

uint32_t Connections::find(const FlowKey& key, uint32_t hash) const {
  const uint32_t at = flows_.find(hash, [&](const Flow& flow) { return flow.key == key; });
  return at != no_entry && expired(flows_[at]) ? no_entry : at;
}

int64_t Connections::lifetime(const Flow& flow) const {
  const uint32_t phase = static_cast<uint32_t>(flow.phase);
  if (flow.key.protocol == protocol_tcp) return tcp_[phase];
  return flow.key.protocol == protocol_udp ? udp_[phase] : icmp_;
}

void Connections::note(Flow& flow, const Headers& h, uint8_t sender) {
  flow.used_ms = now_ms_;
  const bool answer = sender != flow.initiator;
  if (h.transport != Transport::tcp) {
    if (answer) flow.phase = Phase::established;
    return;
  }
  const uint8_t flags = h.tcp().flags();
  if ((flags & Tcp::fin) != 0) flow.finished = static_cast<uint8_t>(flow.finished | 1u << sender);
  if ((flags & Tcp::rst) != 0 || flow.finished == 3) {
    flow.phase = Phase::closing;
  } else if (answer || flow.phase == Phase::closing) {
    // A reset may have been forged: data that goes on takes the flow back.
    flow.phase = Phase::established;
  }
}

bool Connections::pass(const Headers& h) {
  FlowKey key;
  uint8_t sender = 0;
  if (!key_of(h, key, sender)) return false;
  const uint32_t hash = hash_of(key_, key), at = find(key, hash);
  if (at == no_entry) return false;
  Flow& flow = flows_[at];
  const bool tcp = h.transport == Transport::tcp;
  const bool opens = tcp && (h.tcp().flags() & (Tcp::syn | Tcp::ack | Tcp::rst)) == Tcp::syn;
  // A new connection on old ports is for the rules to judge, and so is a SYN from the answering
  // end.
  if (opens && (flow.phase == Phase::closing || sender != flow.initiator)) {
    if (flow.phase == Phase::closing) flows_.erase(hash, at);
    return false;
  }
  if (h.transport == Transport::icmp || h.transport == Transport::icmp6) {
    const uint8_t type = h.icmp().type();
    const bool request = type == Icmp::echo_request || type == Icmp::echo_request6;
    if (request != (sender == flow.initiator)) return false;
  }
  note(flow, h, sender);
  return true;
}

bool Connections::related(const Headers& h) const {
  Headers quoted;
  FlowKey key;
  uint8_t sender = 0;
  if (!parse_quoted(h, quoted) || quoted.transport == Transport::none) return false;
  if (!key_of(quoted, key, sender)) return false;
  // The error must go to who sent what it quotes.
  if (!same_bytes(quoted.source(), h.destination(), h.address_bytes())) return false;
  return find(key, hash_of(key_, key)) != no_entry;
}

bool Connections::evict_one() {
  bool evicted = false;
  flows_.sweep(search, [&](uint32_t at) {
    if (evicted || (flows_[at].phase == Phase::established && !expired(flows_[at]))) return;
    erase(at);
    evicted = true;
  });
  return evicted;
}

Connections::Added Connections::add(const Headers& h) {
  FlowKey key;
  uint8_t sender = 0;
  if (!key_of(h, key, sender)) return Added::yes;  // nothing to follow: each packet is judged
  const uint32_t hash = hash_of(key_, key);
  const uint32_t old = flows_.find(hash, [&](const Flow& flow) { return flow.key == key; });
  if (old != no_entry) flows_.erase(hash, old);
  const bool full = flows_.full();
  if (full && !evict_one()) return Added::full;
  Flow& flow = flows_[flows_.insert(hash)];
  flow.key = key;
  flow.initiator = sender;
  flow.phase = Phase::opening;
  note(flow, h, sender);
  // Picked up in its middle: there will be no answer to a SYN that opens it.
  if (h.transport == Transport::tcp && (h.tcp().flags() & Tcp::syn) == 0 &&
      flow.phase == Phase::opening)
    flow.phase = Phase::established;
  return full ? Added::evicted_one : Added::yes;
}

void Connections::sweep(uint32_t slots) {
  flows_.sweep(slots, [&](uint32_t at) {
    if (expired(flows_[at])) erase(at);
  });
}

void Connections::export_state(StateSink& sink) const {
  for (uint32_t i = 1; i < flows_.end(); i++) {
    const Flow& flow = flows_[i];
    if (!flow.used || expired(flow)) continue;
    const Record record = {flow.key,      static_cast<uint32_t>(now_ms_ - flow.used_ms),
                           flow.phase,    flow.initiator,
                           flow.finished, 0};
    sink.write(&sink, &record, sizeof record);
  }
}

bool Connections::valid(const Record& record) const {
  const FlowKey& key = record.key;
  const bool protocol = key.protocol == protocol_tcp || key.protocol == protocol_udp ||
                        key.protocol == protocol_icmp || key.protocol == protocol_icmp6;
  return protocol && (key.family == 4 || key.family == 6) && record.initiator < 2 &&
         record.phase <= Phase::closing && record.finished < 4;
}

bool Connections::import_state(StateSource& source) {
  if (source.version != 1) return false;
  Record record;
  while (source.read(&source, &record, sizeof record)) {
    if (!valid(record)) return false;
    const uint32_t hash = hash_of(key_, record.key);
    if (find(record.key, hash) != no_entry) continue;
    const uint32_t at = flows_.insert(hash);
    if (at == no_entry) return true;  // a smaller table keeps what fits
    Flow& flow = flows_[at];
    flow.key = record.key;
    flow.used_ms = now_ms_ - record.age_ms;
    flow.phase = record.phase;
    flow.initiator = record.initiator;
    flow.finished = record.finished;
  }
  return true;
}

}  // namespace vireo::vnf
