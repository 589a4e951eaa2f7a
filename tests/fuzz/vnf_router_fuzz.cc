// SPDX-License-Identifier: Apache-2.0
#include "function_scene.h"
#include "vnf/router/router.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  using vnf::testing::address_of;
  static vnf::RouterConfig config = [] {
    vnf::RouterConfig made{};
    made.refusals = 1000;
    made.route_count = 3;
    made.routes[0] = {address_of("10.2.0.0", 16), address_of("10.0.0.5", 0)};
    made.routes[1] = {address_of("10.2.3.0", 24), address_of("192.0.2.1", 0)};
    made.routes[2] = {address_of("2001:db8:9::", 48), address_of("2001:db8:2::5", 0)};
    return made;
  }();
  fuzz::Input input(data, size);
  fuzz::FunctionScene<vnf::Router>(fuzz::two_links(), config, true).run(input);
  return 0;
}
