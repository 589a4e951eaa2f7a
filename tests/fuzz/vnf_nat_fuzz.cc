// SPDX-License-Identifier: Apache-2.0
#include "function_scene.h"
#include "vnf/nat/nat.h"

// The first byte: bit 0 hairpin.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  fuzz::Input input(data, size);
  vnf::NatConfig config{};
  config.inside = 1;
  config.hairpin = input.take<uint8_t>() & 1;
  config.first_port = 1024;
  config.last_port = 1100;
  config.table_size = 24;
  config.per_source = 8;
  config.tcp_established = 7440'000;
  config.tcp_transitory = 240'000;
  config.udp = 300'000;
  config.icmp = 60'000;
  config.refusals = 1000;
  fuzz::FunctionScene<vnf::Nat>(fuzz::two_links(), config, true).run(input);
  return 0;
}
