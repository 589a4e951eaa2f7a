// SPDX-License-Identifier: Apache-2.0
#include "vnf/router/router.h"

namespace vireo::vnf {

bool Router::configure(const Context& context, const Config& config) {
  const char* fault = configure_core(context, 0, config.refusals);
  if (fault == nullptr) fault = routes_by_prefix_.configure(context, config);
  if (fault == nullptr) return true;
  context.fail(fault);
  return false;
}

void Router::process(Batch& batch) {
  set_core_now(batch.now_ns);
  for (uint32_t i = 0; i < batch.count; i++) handle(batch.packets[i], batch);
}

void Router::handle(Packet& packet, Batch& batch) {
  Headers h;
  if (!take_in(packet, h)) return;
  if (routes_.owner(h.network, h.destination()) != Routes::nowhere)
    return to_ourselves(packet, h, true, RouterCounter::not_for_us);
  if (link_only(h)) return drop(packet, drop_no_route, RouterCounter::no_route);
  const Routes::Hop hop = routes_by_prefix_.find(h.network, h.destination());
  if (hop.port == Routes::nowhere) {
    count(RouterCounter::no_route);
    // RFC 792 and RFC 4443, 3.1: code 0, no route to the destination.
    const bool v4 = h.network == Network::ipv4;
    return refuse(packet, h, {v4 ? Icmp::unreachable : Icmp::unreachable6, 0});
  }
  if (!may_cross(packet, h, hop.port)) return;
  forward(packet, h, hop, batch);
  if (packet.out == hop.port) count(RouterCounter::forwarded);
}

}  // namespace vireo::vnf
