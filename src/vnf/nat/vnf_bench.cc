// SPDX-License-Identifier: Apache-2.0
// What one packet costs a function: batches of 32 in memory, no input or output. Compare rows of
// one run; `cycles` are of the time stamp counter.
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include "vnf/firewall/firewall.h"
#include "vnf/nat/nat.h"
#include "vnf/testing.h"

namespace vireo::vnf {
namespace {

using testing::Build;

// Frames of many flows; each batch takes the next ones, copied fresh into its buffers.
class Traffic {
 public:
  Traffic(Build build, uint32_t flows, uint8_t in) : in_(in) {
    for (uint32_t i = 0; i < flows; i++) {
      build.source_port = static_cast<uint16_t>(2000 + i % 50000);
      build.source = "10.0." + std::to_string(i / 50000) + ".5";
      frames_.push_back(build.frame());
    }
    for (uint32_t i = 0; i < batch_packets; i++) buffers_.emplace_back(frames_[0]);
    for (uint32_t i = 0; i < 4; i++)
      extra_.push_back(room_.emplace_back(testing::Bytes()).packet());
  }

  template <class F>
  uint64_t run(F& function, uint64_t now_ns) {
    Packet packets[batch_packets];
    for (uint32_t i = 0; i < batch_packets; i++) {
      packets[i] = buffers_[i].packet(in_);
      memcpy(packets[i].data, frames_[next_].data(), frames_[next_].size());
      next_ = (next_ + 1) % frames_.size();
    }
    Batch batch{packets, batch_packets, now_ns, extra_.data(), 4, 0};
    const uint64_t before = __rdtsc();
    function.process(batch);
    const uint64_t took = __rdtsc() - before;
    for (const Packet& packet : packets) sent_ += packet.out != to_nowhere;
    return took;
  }
  uint64_t sent() const { return sent_; }

 private:
  std::vector<testing::Bytes> frames_;
  std::vector<testing::Frame> buffers_, room_;
  std::vector<Packet> extra_;
  size_t next_ = 0;
  uint64_t sent_ = 0;
  uint8_t in_;
};

template <class F>
void measure(benchmark::State& state, F& function, Traffic& traffic, uint32_t flows) {
  const uint64_t now_ns = 1'000'000'000;
  for (uint32_t i = 0; i < flows; i += batch_packets) traffic.run(function, now_ns);
  uint64_t cycles = 0, batches = 0;
  const uint64_t sent = traffic.sent();
  for (auto _ : state) {
    cycles += traffic.run(function, now_ns);
    batches++;
  }
  if (traffic.sent() - sent != batches * batch_packets) state.SkipWithError("packets were dropped");
  state.counters["cycles_per_packet"] =
      static_cast<double>(cycles) / static_cast<double>(batches * batch_packets);
}

// 100 rules of which only the last fits; argument: stateful, flows.
void firewall(benchmark::State& state) {
  auto config = std::make_unique<FirewallConfig>();
  config->stateful = state.range(0) != 0;
  config->pick_up = 1;
  config->table_size = 65536;
  config->tcp_established = config->tcp_opening = config->tcp_closing = 1u << 30;
  config->rule_count = 100;
  for (uint32_t i = 0; i < 100; i++) {
    FirewallRule& rule = config->rules[i];
    rule.action = i == 99 ? Verdict::accept : Verdict::drop;
    rule.protocol = RuleProtocol::tcp;
    rule.port = static_cast<uint16_t>(i == 99 ? 80 : 1000 + i);
    rule.source = testing::address_of("10.0.0.0", 8);
  }
  auto function = std::make_unique<Firewall>();
  auto identity = testing::identity_of({{}, {}});
  Vitals vitals{};
  const Context context{identity.get(), &vitals, testing::zeroed_memory, testing::note_failure,
                        testing::note_line};
  if (!function->configure(context, *config)) return state.SkipWithError("not configured");
  Build build;
  build.protocol = protocol_tcp;
  build.tcp_flags = Tcp::ack;
  const auto flows = static_cast<uint32_t>(state.range(1));
  Traffic traffic(build, flows, 1);
  measure(state, *function, traffic, flows);
}
BENCHMARK(firewall)
    ->ArgNames({"stateful", "flows"})
    ->Args({0, 100})
    ->Args({1, 100})
    ->Args({1, 10000});

void nat(benchmark::State& state) {
  NatConfig config{};
  config.inside = 1;
  config.first_port = 1024;
  config.last_port = 65535;
  config.table_size = config.per_source = 60000;
  config.tcp_established = config.tcp_transitory = config.udp = 1u << 30;
  auto identity = testing::identity_of({{"192.0.2.2/24"}, {"10.0.0.1/24"}});
  AbiPort& outside = identity->ports[0];
  outside.gateway4 = testing::address_of("192.0.2.1", 0);
  outside.neighbours[0].address = outside.gateway4;
  outside.neighbours[0].mac[0] = 2;
  outside.neighbour_count = 1;
  auto function = std::make_unique<Nat>();
  Vitals vitals{};
  const Context context{identity.get(), &vitals, testing::zeroed_memory, testing::note_failure,
                        testing::note_line};
  if (!function->configure(context, config)) return state.SkipWithError("not configured");
  Build build;
  build.destination = "198.51.100.9";
  build.destination_mac = "02:00:00:00:01:01";
  build.protocol = protocol_tcp;
  build.tcp_flags = Tcp::ack;
  build.payload = {};
  const auto flows = static_cast<uint32_t>(state.range(0));
  Traffic traffic(build, flows, 1);
  measure(state, *function, traffic, flows);
}
BENCHMARK(nat)->ArgName("flows")->Arg(1)->Arg(100)->Arg(10000)->Arg(50000);

}  // namespace
}  // namespace vireo::vnf
