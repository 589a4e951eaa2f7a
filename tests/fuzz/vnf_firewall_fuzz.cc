// SPDX-License-Identifier: Apache-2.0
#include "function_scene.h"
#include "vnf/firewall/firewall.h"

namespace vireo::fuzz {
namespace {

// Accepts TCP to port 80 and everything from the second port, refuses UDP.
vnf::FirewallConfig config_of(uint8_t choices) {
  using vnf::RuleProtocol, vnf::Side, vnf::Verdict;
  vnf::FirewallConfig config{};
  config.stateful = choices & 1;
  config.pick_up = choices >> 1 & 1;
  config.fallback = static_cast<Verdict>((choices >> 2 & 3) % 3);
  config.other = static_cast<Verdict>(choices >> 4 & 1);
  config.table_size = 16;
  config.tcp_established = 7440'000;
  config.tcp_opening = 120'000;
  config.tcp_closing = 60'000;
  config.udp = 180'000;
  config.udp_opening = config.icmp = 30'000;
  config.refusals = 1000;
  config.rule_count = 3;

  config.rules[0].protocol = RuleProtocol::tcp;
  config.rules[0].port = 80;
  config.rules[1].action = Verdict::reject;
  config.rules[1].protocol = RuleProtocol::udp;
  config.rules[1].destination = vnf::testing::address_of("10.0.0.0", 8);
  config.rules[2].from = Side::second;
  return config;
}

}  // namespace
}  // namespace vireo::fuzz

// The first byte: bits of config_of().
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  fuzz::Input input(data, size);
  static vnf::FirewallConfig config;
  config = fuzz::config_of(input.take<uint8_t>());
  fuzz::FunctionScene<vnf::Firewall>(fuzz::two_links(), config, true).run(input);
  return 0;
}
