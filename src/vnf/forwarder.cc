// SPDX-License-Identifier: Apache-2.0
#include "vnf/forwarder.h"

namespace vireo::vnf {

bool Forwarder::configure(const Context& context, const Config&) {
  if (context.identity->port_count % 2 == 0) return true;
  context.fail("a forwarder needs an even number of ports");
  return false;
}

void Forwarder::process(Batch& batch) {
  for (uint32_t i = 0; i < batch.count; i++) {
    Packet& packet = batch.packets[i];
    packet.out = packet.in ^ 1u;
  }
}

}  // namespace vireo::vnf
