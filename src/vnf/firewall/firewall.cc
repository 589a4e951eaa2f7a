// SPDX-License-Identifier: Apache-2.0
#include "vnf/firewall/firewall.h"

namespace vireo::vnf {
namespace {

constexpr uint32_t fixed_counters = static_cast<uint32_t>(FirewallCounter::count);
constexpr int64_t ns_per_ms = 1'000'000;

// "rule 12: TEXT" without a library; `out` has room for 128 bytes.
void rule_text(char* out, uint32_t rule, const char* text) {
  char digits[10];
  uint32_t count = 0;
  do digits[count++] = static_cast<char>('0' + rule % 10);
  while ((rule /= 10) != 0);
  for (const char* from = "rules["; *from != 0; from++) *out++ = *from;
  while (count > 0) *out++ = digits[--count];
  for (const char* from = "]: "; *from != 0; from++) *out++ = *from;
  for (uint32_t i = 0; i < 80 && text[i] != 0; i++) *out++ = text[i];
  *out = 0;
}

bool tcp_opens(const Headers& h) {
  return (h.tcp().flags() & (Tcp::syn | Tcp::ack | Tcp::rst | Tcp::fin)) == Tcp::syn;
}

}  // namespace

bool Firewall::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  fallback_ = config.fallback;
  other_ = config.other;
  stateful_ = config.stateful != 0;
  pick_up_ = config.pick_up != 0;
  limit_.set_rate(config.refusals);
  fragments_.set_key(hash_key_of(*context.identity));
  uint32_t at = 0;
  if (const char* fault = rules_.compile(config.rules, config.rule_count, at)) {
    char reason[128];
    rule_text(reason, at, fault);
    context.fail(reason);
    return false;
  }
  if (stateful_ && !connections_.configure(context, config)) {
    context.fail("no memory for the table of flows");
    return false;
  }
  const uint32_t counters = fixed_counters + config.rule_count;
  vitals_->counter_count = counters < max_counters ? counters : max_counters;
  return true;
}

void Firewall::process(Batch& batch) {
  now_ms_ = static_cast<int64_t>(batch.now_ns) / ns_per_ms;
  if (stateful_) connections_.set_now(now_ms_);
  for (uint32_t i = 0; i < batch.count; i++) judge(batch.packets[i]);
  if (stateful_) vitals_->flows = connections_.size();
}

void Firewall::tick(uint64_t now_ns) {
  if (!stateful_) return;
  now_ms_ = static_cast<int64_t>(now_ns) / ns_per_ms;
  connections_.set_now(now_ms_);
  connections_.sweep(4096);
  vitals_->flows = connections_.size();
}

void Firewall::export_state(StateSink& sink) {
  if (stateful_) connections_.export_state(sink);
}
bool Firewall::import_state(StateSource& source) {
  return !stateful_ || connections_.import_state(source);
}

void Firewall::drop(Packet& packet, DropReason reason) {
  packet.out = to_nowhere;
  packet.drop = reason;
}

// RFC 826 and RFC 4861: a hop limit of 255 proves that the message comes from this link.
bool Firewall::is_neighbour_talk(const Headers& h) const {
  if (h.network == Network::arp)
    return h.arp().for_ipv4() &&
           (h.arp().operation() == Arp::request || h.arp().operation() == Arp::reply);
  if (h.transport != Transport::icmp6 || h.fragment || h.ipv6().hop_limit() != 255) return false;
  const uint8_t type = h.icmp().type();
  return (type == Icmp::neighbour_solicitation || type == Icmp::neighbour_advertisement) &&
         h.transport_bytes() >= nd_bytes;
}

void Firewall::judge(Packet& packet) {
  Headers h;
  if (!parse(packet, h) || suspicious_fragment(h)) {
    count(FirewallCounter::malformed);
    return drop(packet, drop_malformed);
  }
  if (is_neighbour_talk(h)) {
    count(FirewallCounter::neighbours);
    packet.out = static_cast<uint8_t>(packet.in ^ 1u);
    return;
  }
  reason_ = drop_policy;
  if (h.network == Network::arp) return carry_out(packet, h, Verdict::drop);
  carry_out(packet, h, h.ip() ? judge_ip(h, packet.in) : other_);
}

Verdict Firewall::judge_ip(const Headers& h, uint8_t in) {
  if (h.fragment && h.fragment_offset != 0) {
    uint32_t verdict = 0;
    if (fragments_.find(h, now_ms_, verdict)) return static_cast<Verdict>(verdict);
    count(FirewallCounter::stray_fragments);
    return Verdict::drop;
  }
  Verdict verdict = Verdict::accept;
  if (stateful_ && connections_.pass(h)) {
    count(FirewallCounter::established);
  } else if (stateful_ && connections_.related(h)) {
    count(FirewallCounter::related);
  } else {
    verdict = judge_by_rules(h, in);
  }
  if (h.fragment)  // later fragments of a refused datagram are not refused again
    fragments_.remember(
        h, static_cast<uint32_t>(verdict == Verdict::accept ? verdict : Verdict::drop), now_ms_);
  return verdict;
}

Verdict Firewall::judge_by_rules(const Headers& h, uint8_t in) {
  const uint32_t rule = rules_.first_match(h, in);
  if (rule == RuleList::none)
    count(FirewallCounter::by_default);
  else
    count_rule(rule);
  const Verdict verdict = rule == RuleList::none ? fallback_ : rules_.action(rule);
  if (verdict != Verdict::accept || !stateful_) return verdict;
  if (h.transport == Transport::tcp && !tcp_opens(h)) {
    if (!pick_up_) {
      count(FirewallCounter::invalid);
      return Verdict::drop;
    }
    if ((h.tcp().flags() & Tcp::rst) != 0) return verdict;  // ends what is not there
  }
  const Connections::Added added = connections_.add(h);
  if (added == Connections::Added::evicted_one) count(FirewallCounter::evicted);
  if (added != Connections::Added::full) return verdict;
  count(FirewallCounter::table_full);
  reason_ = drop_table_full;
  return Verdict::drop;
}

void Firewall::count_rule(uint32_t rule) {
  const uint32_t slot = fixed_counters + rule;
  vitals_->counters[slot < max_counters ? slot
                                        : static_cast<uint32_t>(FirewallCounter::later_rules)]++;
}

void Firewall::carry_out(Packet& packet, const Headers& h, Verdict verdict) {
  switch (verdict) {
    case Verdict::accept:
      count(FirewallCounter::accepted);
      packet.out = static_cast<uint8_t>(packet.in ^ 1u);
      return;
    case Verdict::reject:
      return refuse(packet, h);
    default:
      count(FirewallCounter::dropped);
      return drop(packet, reason_);
  }
}

void Firewall::refuse(Packet& packet, const Headers& h) {
  const bool tcp = h.transport == Transport::tcp;
  const bool possible = may_be_refused(h) && !(tcp && (h.tcp().flags() & Tcp::rst) != 0);
  const bool limited = possible && !limit_.take(now_ms_);
  if (limited) count(FirewallCounter::refusals_limited);
  if (!possible || limited) {
    count(FirewallCounter::dropped);
    return drop(packet, drop_policy);
  }
  count(FirewallCounter::rejected);
  packet.out = packet.in;
  if (tcp) return make_reset(packet, h);
  const bool v4 = h.network == Network::ipv4, udp = h.transport == Transport::udp;
  IcmpError error{v4 ? Icmp::unreachable : Icmp::unreachable6,
                  v4 ? Icmp::code_prohibited : Icmp::code_prohibited6};
  // Programs understand a refused UDP port by this code, as a refused connection.
  if (udp) error.code = v4 ? Icmp::code_port : Icmp::code_port6;
  make_icmp_error(packet, h, error, nullptr);
}

}  // namespace vireo::vnf
