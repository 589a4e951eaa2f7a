// SPDX-License-Identifier: Apache-2.0
// Joins instances by virtual links on this host. The contract suite in tests/contract/ is its law.
//
// Thread-safe. Ports and links outlive the daemon: list() finds them again. A port is plugged
// *blocked* (no frame passes in either direction) or at once open, opened by set_state, exchanged
// by swap, and what was exchanged is blocked once it has sent what it had. What waits for the
// kernel (deleting a veth, the last close of a tap: 16-20 ms) happens in the background: unplug()
// returns at once, and no frame passes from then on.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "driver/driver.h"
#include "model/instance.h"

namespace vireo {

struct FabricInfo {
  std::string name;                  // "bridge"
  std::vector<PortKind> port_kinds;  // what it makes; for packet functions, best first
  bool counts_refused = true;        // PortCounters have what a closed gate refuses
};

// A link as the fabric makes it.
struct LinkRequest {
  LinkId id{};
  unsigned mtu = 1500;
  // The host's own interface on the link; empty: none. In the host's network namespace.
  std::vector<IpPrefix> host_addresses{};
  MacAddress host_mac{};  // of that interface; zero: the fabric's choice
  std::optional<Uplink> uplink{};
  bool operator==(const LinkRequest&) const = default;
};

// sending: nothing is delivered to the port, but what its function still has to send goes out as if
// it came from the port that has taken its place, or is about to (the one with its MAC). A fabric
// that cannot tell these apart blocks it.
enum class GateState { blocked, sending, open };

struct PortRecord {
  PortId id{};    // "~..." for a spare
  LinkId link{};  // "" for a spare
  PortKind kind = PortKind::tap;
  GateState gate = GateState::blocked;
};

struct FabricState {
  std::vector<LinkRequest> links;
  std::vector<PortRecord> ports;
};

// An interface of the host that a link may have as its uplink.
struct UplinkOffer {
  bool shared = false;  // several links may join it
};

class Fabric {
 public:
  virtual ~Fabric() = default;
  virtual const FabricInfo& info() const = 0;
  virtual HostSupport check_host() = 0;

  // Makes the link, or changes what differs (host addresses, uplink). An uplink that carries
  // addresses or the default route is refused unless `take`; a bridge of the host is joined by a
  // veth; removing the link gives the interface back as it was.
  virtual Result<void> ensure_link(const LinkRequest& link) = 0;
  // What ensure_link() would say to the uplink, before anything is done. One that the link has
  // already is fine.
  virtual Result<UplinkOffer> check_uplink(const LinkId& /*link*/, const Uplink& /*uplink*/) {
    return UplinkOffer{};
  }
  virtual Result<void> remove_link(
      const LinkId& id) = 0;  // unknown: success; ports on it: conflict

  // Makes a spare port ahead of a request. veth: `network_namespace` (of the shell it will serve)
  // gets its far end; the spare belongs to that namespace for ever.
  virtual Result<PortId> prepare(PortKind kind, const Fd* network_namespace) = 0;
  // Gives the spare its identity and plugs it into its link, blocked or open. Open: what lies
  // behind it is from then on behind no other port. Same id again: same endpoint. For veth the far
  // end has name, MAC, addresses and routes when this returns, and neighbours where nobody answers
  // for them.
  virtual Result<PortEndpoint> bind(const PortId& spare, const PortSpec& port,
                                    GateState gate = GateState::blocked) = 0;
  // Plugs an interface made elsewhere (named, in `network_namespace`) as this port, blocked.
  virtual Result<void> adopt(const PortSpec& port, const std::string& interface,
                             const Fd& network_namespace) = 0;
  // Changes what a bound port is told of others: neighbours, behind, gateways. Its own MAC,
  // addresses and link stay. Nothing to do for a fabric that seeds nothing.
  virtual Result<void> update(const PortSpec& /*port*/) { return {}; }
  virtual Result<void> set_state(const PortId& id, GateState state) = 0;
  // Opens `to`, moves what lies behind `from` to it, and leaves `from` sending: in one step for the
  // link's traffic.
  virtual Result<void> swap(const PortId& from, const PortId& to) = 0;
  virtual Result<void> unplug(const PortId& id) = 0;  // spare or bound; unknown: success
  // The same for one whose instance has ended, and had no power over the port's settings. What can
  // serve another instance is a spare from then on, without a frame or a figure of the former: its
  // id. Nothing: it is gone.
  virtual Result<std::optional<PortId>> reclaim(const PortId& id) {
    TRY(unplug(id));
    return std::optional<PortId>();
  }
  virtual std::vector<PortCounters> counters(std::span<const PortId> ids) = 0;
  virtual Result<FabricState> list() = 0;
  // Nothing is being started: the time for what was put off.
  virtual void rest() {}
};

}  // namespace vireo
