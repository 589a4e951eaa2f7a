// SPDX-License-Identifier: Apache-2.0
// The functions without a state to hand over.
#include "function_scene.h"
#include "vnf/forwarder.h"
#include "vnf/monitor/monitor.h"
#include "vnf/rate_limiter/rate_limiter.h"
#include "vnf/responder.h"

namespace vireo::fuzz {
namespace {

void watch(Input& input) {
  const vnf::MonitorConfig config{1000, 5, 16, 60'000};
  FunctionScene<vnf::Monitor>(two_links(), config, false).run(input);
}
void limit(Input& input) {
  vnf::RateLimiterConfig config{};
  config.rate = 1'000'000;
  config.flow_rate = 100'000;
  config.burst = config.flow_burst = 65536;
  config.table_size = 16;
  config.idle = 30'000;
  FunctionScene<vnf::RateLimiter>(two_links(), config, false).run(input);
}
void respond(Input& input) {
  vnf::Responder::Config config{};
  config.mode = input.take<uint8_t>() & 1;
  FunctionScene<vnf::Responder>(two_links(), config, true).run(input);
}
void forward(Input& input) {
  FunctionScene<vnf::Forwarder>(two_links(), vnf::Forwarder::Config{}, false).run(input);
}

}  // namespace
}  // namespace vireo::fuzz

// The first byte chooses the function.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vireo::fuzz::Input input(data, size);
  switch (input.take<uint8_t>() & 3) {
    case 0:
      vireo::fuzz::watch(input);
      break;
    case 1:
      vireo::fuzz::limit(input);
      break;
    case 2:
      vireo::fuzz::respond(input);
      break;
    default:
      vireo::fuzz::forward(input);
      break;
  }
  return 0;
}
