// SPDX-License-Identifier: Apache-2.0
// The functions that end TCP, packets and endpoint: tcp-sink, or tcp-source, by the first byte.
#include "function_scene.h"
#include "vnf/tcp/tcp_sink.h"
#include "vnf/tcp/tcp_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  fuzz::Input input(data, size);
  if ((input.take<uint8_t>() & 1) == 0) {
    const vnf::TcpSink::Config config{80, 1, 0, 4, 4096};
    fuzz::FunctionScene<vnf::TcpSink>(fuzz::two_links(), config, true).run(input);
  } else {
    vnf::TcpSource::Config config{};
    config.server = vnf::testing::address_of("10.0.0.5", 0);
    config.port = 80;
    fuzz::FunctionScene<vnf::TcpSource>(fuzz::two_links(), config, true).run(input);
  }
  return 0;
}
