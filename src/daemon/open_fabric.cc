// SPDX-License-Identifier: Apache-2.0
#include "daemon/open_fabric.h"

#include <fmt/format.h>

#include "base/log.h"
#include "fabric/bridge/bridge_fabric.h"
#include "fabric/ebpf/ebpf_fabric.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {
namespace {

Result<FabricPlace> place_of(const DaemonOptions& options, const Fd& fabric, const Fd& ends) {
  FabricPlace place;
  place.fabric = TRY(fabric.duplicate());
  place.ends = TRY(ends.duplicate());
  place.host = TRY(current_network_namespace());
  place.state_directory = options.state_directory + "/fabric";
  place.prefer_taps = options.packet_ports == "tap";
  TRY(make_directories(place.state_directory, 0700));
  return place;
}

Error other_links(const char* wanted, const char* there) {
  return {Errc::conflict, fmt::format("--fabric {}: the links that are there are {}'s: remove all "
                                      "services first, or leave the option out",
                                      wanted, there)};
}

}  // namespace

Result<std::unique_ptr<Fabric>> open_fabric(const DaemonOptions& options,
                                            const Fd& fabric_namespace, const Fd& ends_namespace) {
  const bool bridges = BridgeFabric::lives_in(fabric_namespace);
  const bool switched = EbpfFabric::lives_in(fabric_namespace);
  if (options.fabric == "bridge" && switched) return other_links("bridge", "ebpf");
  if (options.fabric == "ebpf" && bridges) return other_links("ebpf", "bridge");
  FabricPlace place = TRY(place_of(options, fabric_namespace, ends_namespace));
  if (options.fabric != "bridge" && !bridges) {
    Result<std::unique_ptr<EbpfFabric>> ebpf = EbpfFabric::open(std::move(place));
    if (ebpf) return std::unique_ptr<Fabric>(*std::move(ebpf));
    // Another Vireo's links are there, and bridges would not take them.
    const bool taken = switched || ebpf.error().code == Errc::conflict;
    if (options.fabric == "ebpf" || taken) return ebpf.error();
    spdlog::warn("no ebpf fabric, bridges instead reason=\"{}\"", ebpf.error().message);
    place = TRY(place_of(options, fabric_namespace, ends_namespace));
  }
  return std::unique_ptr<Fabric>(TRY(BridgeFabric::open(std::move(place))));
}

}  // namespace vireo
