// SPDX-License-Identifier: Apache-2.0
#include "fabric/spare_port.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/rollback.h"
#include "fabric/labels.h"
#include "fabric/sysctl.h"
#include "host/namespace.h"
#include "host/packet_socket.h"
#include "host/tap.h"

namespace vireo {
namespace {

constexpr std::chrono::seconds patience{2};
// The kernel's default of 1,000 overflows under one fast TCP stream.
constexpr unsigned tap_queue_length = 4096;

Result<void> make_tap_port(const SpareRequest& request, Netlink& fabric, SparePort& spare) {
  {
    const NamespaceScope scope = TRY(NamespaceScope::enter(*request.fabric));
    spare.descriptor = TRY(make_tap(near_name(request.index), request.index));
  }
  NetlinkBatch batch;
  // A tap takes or drops, and has a queue of its own: the kernel's three before it (pfifo_fast) are
  // never used, and as long as that one, 32 KiB each.
  batch.no_queue(request.index);
  batch.change_link({.index = request.index,
                     .up = true,
                     .group = fabric_group,
                     .queue_length = tap_queue_length,
                     .alias = request.alias});
  return fabric.commit(batch);
}

Result<void> make_veth(const SpareRequest& request, Netlink& fabric, const VethEnd& far) {
  NetlinkBatch batch;
  batch.add_veth(
      {.index = request.index, .name = near_name(request.index), .up = true, .group = fabric_group},
      far, 1500);
  batch.change_link({.index = request.index, .alias = request.alias});
  return fabric.commit(batch);
}

Result<void> make_packet_port(const SpareRequest& request, Netlink& fabric, SparePort& spare) {
  TRY(make_veth(request, fabric,
                {.index = request.index,
                 .name = fmt::format("ve{}", request.index),
                 .network_namespace = request.ends,
                 .group = fabric_group}));
  Netlink ends = TRY(Netlink::open(request.ends));
  NetlinkBatch batch;
  TRY(ends.commit(batch.change_link({.index = request.index, .up = true})));
  const NamespaceScope scope = TRY(NamespaceScope::enter(*request.ends));
  spare.descriptor = TRY(open_packet_socket(request.index));
  return {};
}

// The first of "port0", "port1", ... that is free: most likely the name that bind() asks for.
std::string free_name(const std::vector<LinkRow>& links) {
  for (unsigned i = 0;; ++i) {
    std::string name = fmt::format("port{}", i);
    if (std::ranges::none_of(links, [&](const LinkRow& row) { return row.name == name; }))
      return name;
  }
}

Result<void> make_veth_port(const SpareRequest& request, Netlink& fabric, SparePort& spare) {
  TRY(set_network_defaults(*request.instance, instance_defaults));
  spare.far = TRY(Netlink::open(request.instance));
  spare.far_name = free_name(TRY(spare.far->links()));
  TRY(make_veth(request, fabric,
                {.index = request.index,
                 .name = spare.far_name,
                 .network_namespace = request.instance,
                 .group = fabric_group}));
  NetlinkBatch batch;
  batch.change_link({.name = "lo", .up = true});
  batch.change_link({.index = request.index, .up = true});
  return spare.far->commit(batch);
}

}  // namespace

std::string near_name(int index) { return fmt::format("vp{}", index); }

Result<SparePort> make_spare_port(const SpareRequest& request, Netlink& fabric) {
  SparePort spare{request.kind, request.index};
  Rollback undo([&] {
    NetlinkBatch batch;
    (void)fabric.commit(batch.remove_link(request.index).tolerate(ENODEV));
  });
  switch (request.kind) {
    case PortKind::tap:
      TRY(make_tap_port(request, fabric, spare));
      break;
    case PortKind::packet:
      TRY(make_packet_port(request, fabric, spare));
      break;
    case PortKind::veth:
      TRY(make_veth_port(request, fabric, spare));
      break;
  }
  TRY(fabric.wait_operational(request.index, patience));
  undo.dismiss();
  return spare;
}

Result<void> check_spare(const PortId& id, const SparePort& spare, bool bound,
                         const PortSpec& port) {
  if (bound) return Error{Errc::conflict, fmt::format("{} is not a spare port", id)};
  if (spare.kind != port.kind)
    return Error{Errc::invalid,
                 fmt::format("the spare port {} is of another kind than {}", id, port.id)};
  if (spare.found)
    return Error{Errc::unavailable, fmt::format("the spare port {} was made before a restart", id)};
  return {};
}

static Result<PortEndpoint> without_descriptor(const PortId& id, const SparePort& ends,
                                               const std::string& name) {
  if (ends.kind != PortKind::veth && !ends.descriptor)
    return Error{Errc::unavailable,
                 fmt::format("port {} was made before a restart, its descriptor is not here", id)};
  PortEndpoint endpoint;
  endpoint.kind = ends.kind;
  endpoint.interface = name;
  return endpoint;
}

Result<PortEndpoint> endpoint_of(const PortId& id, const SparePort& ends, const std::string& name) {
  PortEndpoint endpoint = TRY(without_descriptor(id, ends, name));
  if (ends.kind != PortKind::veth) endpoint.fd = TRY(ends.descriptor.duplicate());
  return endpoint;
}

Result<PortEndpoint> give_endpoint(const PortId& id, SparePort& ends, const std::string& name) {
  PortEndpoint endpoint = TRY(without_descriptor(id, ends, name));
  endpoint.fd = std::exchange(ends.descriptor, Fd());
  return endpoint;
}

void drain(const Fd& descriptor) {
  char frame[256];  // of a longer one the rest is lost with it
  while (::read(descriptor.get(), frame, sizeof frame) > 0) {
  }
}

// A kernel before 6.2 renames only what is down, which needs a wait for the carrier afterwards.
Result<void> configure_far_end(SparePort& ends, Netlink& fabric, const std::string& name,
                               const NetlinkBatch& plan) {
  const int index = ends.index;
  if (ends.far_name != name) {
    NetlinkBatch live;
    if (!ends.far->commit(live.change_link({.index = index, .name = name}))) {
      NetlinkBatch slow;
      slow.change_link({.index = index, .up = false});
      slow.change_link({.index = index, .name = name});
      slow.change_link({.index = index, .up = true});
      TRY(ends.far->commit(slow));
      TRY(fabric.wait_operational(index, patience));
    }
    ends.far_name = name;
  }
  return ends.far->commit(plan);
}

Result<int> adopt_interface(Netlink& fabric, const Fd& fabric_namespace,
                            const std::string& interface, const Fd& network_namespace, int index) {
  Netlink there = TRY(Netlink::open(&network_namespace));
  const LinkRow row = TRY(there.link(interface));
  NetlinkBatch move, up;
  move.change_link({.index = row.index, .name = near_name(index), .move_to = &fabric_namespace});
  TRY(there.commit(move));
  const int there_index = TRY(fabric.link(near_name(index))).index;
  up.change_link({.index = there_index, .up = true, .group = fabric_group});
  TRY(fabric.commit(up));
  TRY(fabric.wait_operational(there_index, patience));
  return there_index;
}

Error unknown_port(const PortId& id) {
  return {Errc::not_found, fmt::format("there is no port {}", id)};
}

Error unknown_link(const PortSpec& port) {
  return {Errc::not_found, fmt::format("there is no link {} for port {}", port.link, port.id)};
}

}  // namespace vireo
