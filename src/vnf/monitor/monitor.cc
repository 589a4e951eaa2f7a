// SPDX-License-Identifier: Apache-2.0
#include "vnf/monitor/monitor.h"

namespace vireo::vnf {

bool Monitor::configure(const Context& context, const Config& config) {
  config_ = config;
  vitals_ = context.vitals;
  log_ = context.log;
  key_ = hash_key_of(*context.identity);
  const char* fault = nullptr;
  if (context.identity->port_count != 2) fault = "a monitor has two ports";
  if (config.top == 0 || config.top > monitor_most_top) fault = "`top` is out of its bounds";
  if (fault == nullptr && !flows_.reserve(context.memory, config.table_size))
    fault = "no memory for `table_size` flows";
  if (fault == nullptr) return true;
  context.fail(fault);
  return false;
}

void Monitor::process(Batch& batch) {
  for (uint32_t i = 0; i < batch.count; i++) {
    Packet& packet = batch.packets[i];
    packet.out = packet.in ^ 1u;
    watch(packet, batch.now_ns);
  }
  vitals_->flows = flows_.size();
}

void Monitor::watch(const Packet& packet, uint64_t now_ns) {
  count(MonitorCounter::packets);
  count(MonitorCounter::bytes, packet.length);
  Headers h;
  if (!parse(packet, h)) return count(MonitorCounter::malformed);
  if (!h.ip()) return count(MonitorCounter::not_ip);
  if (h.protocol == protocol_tcp)
    count(MonitorCounter::tcp);
  else if (h.protocol == protocol_udp)
    count(MonitorCounter::udp);
  else if (h.protocol == protocol_icmp || h.protocol == protocol_icmp6)
    count(MonitorCounter::icmp);
  else
    count(MonitorCounter::other_ip);
  count_flow(packet, h, now_ns);
}

void Monitor::count_flow(const Packet& packet, const Headers& h, uint64_t now_ns) {
  FlowKey key = directed_key_of(h);
  const uint8_t sender = put_in_order(key);
  const uint32_t hash = hash_of(key_, key);
  uint32_t at = flows_.find(hash, [&](const Flow& flow) { return flow.key == key; });
  if (at == no_entry) {
    at = flows_.insert(hash);
    if (at == no_entry) return count(MonitorCounter::table_full);
    count(MonitorCounter::flows_seen);
    flows_[at].key = key;
    flows_[at].first = sender;
  }
  Flow& flow = flows_[at];
  flow.seen_ns = now_ns;
  flow.interval[sender].bytes += packet.length;
  flow.interval[sender].packets++;
}

void Monitor::tick(uint64_t now_ns) {
  const uint64_t idle = uint64_t{config_.idle} * 1'000'000;
  flows_.sweep(2048, [&](uint32_t at) {
    if (now_ns - flows_[at].seen_ns > idle) flows_.erase(hash_of(key_, flows_[at].key), at);
  });
  vitals_->flows = flows_.size();
  if (config_.interval == 0) return;
  const uint64_t interval = uint64_t{config_.interval} * 1'000'000;
  if (report_ns_ == 0) report_ns_ = now_ns + interval;
  if (now_ns < report_ns_) return;
  report_ns_ = now_ns + interval;
  report();
}

// Once over the table: the ones that moved most so far, in order, are few.
void Monitor::report() {
  uint32_t top[monitor_most_top] = {};
  uint32_t count = 0;
  for (uint32_t at = 1; at < flows_.end(); at++) {
    if (!flows_[at].used || moved(flows_[at]) == 0) continue;
    uint32_t place = count < config_.top ? count++ : config_.top;
    for (; place > 0 && moved(flows_[top[place - 1]]) < moved(flows_[at]); place--)
      if (place < config_.top) top[place] = top[place - 1];
    if (place < config_.top) top[place] = at;
  }
  for (uint32_t i = 0; i < count; i++) write(i + 1, flows_[top[i]]);
  for (uint32_t at = 1; at < flows_.end(); at++)
    flows_[at].interval[0] = flows_[at].interval[1] = {};
}

void Monitor::add_end(const FlowKey& key, uint32_t end) {
  const bool ports = key.protocol == protocol_tcp || key.protocol == protocol_udp;
  if (key.family == 4)
    line_.add_ipv4(key.address[end]);
  else if (ports)
    line_.add("[").add_ipv6(key.address[end]).add("]");
  else
    line_.add_ipv6(key.address[end]);
  if (ports) line_.add(":").add(uint64_t{key.port[end]});
}

void Monitor::write(uint32_t number, const Flow& flow) {
  const FlowKey& key = flow.key;
  line_.clear();
  line_.add("top ").add(uint64_t{number}).add(": ");
  add_end(key, flow.first);
  line_.add(" > ");
  add_end(key, flow.first ^ 1u);
  const bool icmp = key.protocol == protocol_icmp || key.protocol == protocol_icmp6;
  line_.add(key.protocol == protocol_tcp   ? " tcp "
            : key.protocol == protocol_udp ? " udp "
            : icmp                         ? " icmp "
                                           : " ip ");
  const Sum &out = flow.interval[flow.first], &back = flow.interval[flow.first ^ 1u];
  line_.add(out.bytes).add(" bytes ").add(out.packets).add(" packets, back ");
  line_.add(back.bytes).add(" bytes ").add(back.packets).add(" packets");
  log_(line_.text());
}

}  // namespace vireo::vnf
