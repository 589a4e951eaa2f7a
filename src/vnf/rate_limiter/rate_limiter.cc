// SPDX-License-Identifier: Apache-2.0
#include "vnf/rate_limiter/rate_limiter.h"

namespace vireo::vnf {
namespace {

constexpr uint64_t second_ns = 1'000'000'000;

// The time in which so many bytes flow in. 64 KiB at 1 bit in a second is 5e14 ns; a burst of 4 GiB
// at 1 bit in a second would be 3e19, more than 64 bits hold, and is cut.
uint64_t time_of(uint64_t bytes, uint64_t rate) {
  const uint64_t bits = bytes * 8;
  const uint64_t whole = bits / rate;
  if (whole > ~uint64_t{0} / second_ns / 2) return ~uint64_t{0} / 2;
  const uint64_t rest = bits % rate;
  // `rest` is below `rate`: scaled down together where the product would not fit.
  const uint64_t scale = rest / (~uint64_t{0} / second_ns) + 1;
  return whole * second_ns + rest / scale * second_ns / (rate / scale);
}

}  // namespace

bool TokenBucket::take(uint64_t bytes, uint64_t rate, uint64_t burst, uint64_t now_ns) {
  const uint64_t most = time_of(burst, rate);
  const bool first = filled_ns == 0;
  const uint64_t since = first || now_ns < filled_ns ? 0 : now_ns - filled_ns;
  tokens_ns = first || most - tokens_ns < since ? most : tokens_ns + since;
  filled_ns = now_ns;
  const uint64_t price = time_of(bytes, rate);
  if (price > tokens_ns) return false;
  tokens_ns -= price;
  return true;
}

bool RateLimiter::configure(const Context& context, const Config& config) {
  config_ = config;
  vitals_ = context.vitals;
  key_ = hash_key_of(*context.identity);
  if (context.identity->port_count != 2) {
    context.fail("a rate limiter has two ports");
    return false;
  }
  if (config.flow_rate == 0 || flows_.reserve(context.memory, config.table_size)) return true;
  context.fail("no memory for `table_size` flows");
  return false;
}

void RateLimiter::process(Batch& batch) {
  for (uint32_t i = 0; i < batch.count; i++) handle(batch.packets[i], batch.now_ns);
  vitals_->flows = flows_.size();
}

void RateLimiter::drop(Packet& packet, DropReason reason, RateLimiterCounter counter) {
  count(counter);
  packet.out = to_nowhere;
  packet.drop = static_cast<uint8_t>(reason);
}

void RateLimiter::handle(Packet& packet, uint64_t now_ns) {
  packet.out = packet.in ^ 1u;
  if (config_.from != 0 && config_.from != packet.in + 1) return count(RateLimiterCounter::passed);
  Headers h;
  if (!parse(packet, h)) return drop(packet, drop_malformed, RateLimiterCounter::malformed);
  if (!h.ip()) return count(RateLimiterCounter::not_ip);
  // The flow first: what it may not send takes nothing from the others.
  if (config_.flow_rate != 0 && !flow_may_pass(packet, h, now_ns))
    return drop(packet, drop_policy, RateLimiterCounter::over_flow_rate);
  if (config_.rate != 0 &&
      !total_[packet.in].take(packet.length, config_.rate, config_.burst, now_ns))
    return drop(packet, drop_policy, RateLimiterCounter::over_rate);
  count(RateLimiterCounter::passed);
}

bool RateLimiter::flow_may_pass(const Packet& packet, const Headers& h, uint64_t now_ns) {
  FlowKey key = directed_key_of(h);
  key.in = packet.in;
  const uint32_t hash = hash_of(key_, key);
  uint32_t at = flows_.find(hash, [&](const Flow& flow) { return flow.key == key; });
  if (at == no_entry && (at = flows_.insert(hash)) != no_entry) flows_[at].key = key;
  if (at == no_entry) count(RateLimiterCounter::table_full);
  TokenBucket& bucket = at == no_entry ? overflow_ : flows_[at].bucket;
  return bucket.take(packet.length, config_.flow_rate, config_.flow_burst, now_ns);
}

void RateLimiter::tick(uint64_t now_ns) {
  if (config_.flow_rate == 0) return;
  const uint64_t idle = uint64_t{config_.idle} * 1'000'000;
  flows_.sweep(2048, [&](uint32_t at) {
    if (now_ns - flows_[at].bucket.filled_ns > idle)
      flows_.erase(hash_of(key_, flows_[at].key), at);
  });
  vitals_->flows = flows_.size();
}

}  // namespace vireo::vnf
