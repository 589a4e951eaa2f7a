// SPDX-License-Identifier: Apache-2.0
// Changes to links, addresses, routes, neighbours and forwarding tables as a list of rtnetlink
// messages (rtnetlink(7)): plain data until Netlink::commit() sends it.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/net_address.h"

struct nl_msg;

namespace vireo {

// What changes about a link; absent members stay as they are. Addressed by index, else by `name`.
struct LinkChange {
  int index = 0;
  std::string name{};  // with an index: the new name
  std::optional<bool> up{}, promiscuous{};
  std::optional<int> master{};  // 0: leaves its bridge
  std::optional<MacAddress> mac{};
  std::optional<unsigned> mtu{}, group{}, queue_length{};
  std::optional<std::string> alias{};
  std::optional<bool> link_local{};  // whether IPv6 makes itself a link-local address
  const Fd* move_to = nullptr;       // network namespace; it arrives down and without addresses
};

struct BridgeRequest {
  int index = 0;
  std::string name{};
  MacAddress mac{};  // pinned: a bridge takes that of its first port otherwise
  unsigned mtu = 1500, group = 0;
};

// One end of a veth pair. The namespace is that of the socket when absent.
struct VethEnd {
  int index = 0;  // 0: the kernel chooses; both ends or none
  std::string name{};
  const Fd* network_namespace = nullptr;
  bool up = false;
  unsigned group = 0;
  std::optional<MacAddress> mac{};
};

// A port of a bridge keeps `listening` until told otherwise. The kernel turns `blocking` and
// `disabled` into `forwarding` by itself when spanning tree is off (net/bridge/br_stp.c,
// br_port_state_selection; br_if.c, br_port_carrier_check): neither can serve as a gate.
enum class BridgePortState : uint8_t { listening = 1, forwarding = 3 };

struct BridgePortChange {
  std::optional<BridgePortState> state{};
  std::optional<bool> learning{}, flood_unicast{}, flood_group{};
  std::optional<bool> suppress_neighbours{};
  std::optional<bool> locked{};  // takes frames only from MACs that the table has behind it
};

// An entry of a bridge's forwarding table.
struct ForwardingRow {
  int port = 0;
  MacAddress mac{};
  bool reserved = false;  // reserve_forwarding()
};

struct Route {
  std::optional<IpPrefix> destination{};  // absent: default
  std::optional<IpAddress> gateway{};
  int index = 0;
  bool v6 = false;
  unsigned metric = 0, table = 254, protocol = 4, scope = 0;
  std::optional<IpAddress> source{};
  auto operator<=>(const Route&) const = default;
};

class NetlinkBatch {
 public:
  NetlinkBatch& add_bridge(const BridgeRequest& bridge);
  NetlinkBatch& add_veth(const VethEnd& near, const VethEnd& far, unsigned mtu);
  NetlinkBatch& change_link(const LinkChange& change);
  NetlinkBatch& remove_link(int index);
  // Frames go to the device at once, without a queue of the kernel's before it. While it is down.
  NetlinkBatch& no_queue(int index);
  // What comes in through it meets the filters of a block that interfaces of the namespace share.
  // One that has such a queue already: EEXIST. The filters of a block go with its last interface.
  NetlinkBatch& join_filter_block(int index, uint32_t block);
  // An eBPF program as the block's filter. `replace`: in the place of the one that is there, else
  // that is EEXIST. Nobody has joined the block: EINVAL.
  NetlinkBatch& filter_block(uint32_t block, int program, bool replace);
  NetlinkBatch& remove_group(unsigned group);  // all links of it, in one wait; none: ENODEV
  NetlinkBatch& change_port(int index, const BridgePortChange& change);

  // No duplicate address detection. An address that is there is success. An IPv6 address receives
  // nothing until a worker of the kernel's has made its local route (addrconf_dad_work): see
  // add_local().
  NetlinkBatch& add_address(int index, const IpPrefix& address);
  NetlinkBatch& remove_address(int index, const IpPrefix& address);
  // Packets to the address are for this host: at once, where add_address() alone means soon.
  NetlinkBatch& add_local(int index, const IpAddress& address);
  NetlinkBatch& add_route(const Route& route);
  // Permanent.
  NetlinkBatch& add_neighbour(int index, const IpAddress& address, const MacAddress& mac);
  NetlinkBatch& remove_neighbour(int index, const IpAddress& address);
  // A static entry in the forwarding table of the port's bridge, which learning cannot move.
  NetlinkBatch& add_forwarding(int port, const MacAddress& mac);
  // Remembers that the MAC is behind the port, while nothing is sent to it and, through a locked
  // port, nothing taken from it. An entry that is there, for whichever port, stays as it is.
  NetlinkBatch& reserve_forwarding(int port, const MacAddress& mac);
  NetlinkBatch& remove_forwarding(int port, const MacAddress& mac);

  // The last message may fail with this errno.
  NetlinkBatch& tolerate(int error_number);

  size_t size() const { return steps_.size(); }
  bool empty() const { return steps_.empty(); }

 private:
  friend class Netlink;
  struct Step {
    size_t begin = 0;       // in bytes_
    std::string_view what;  // static text: "cannot ..."
    std::string subject;
    std::vector<int> tolerated;
  };
  NetlinkBatch& append(nl_msg* message, std::string_view what, std::string subject);
  NetlinkBatch& forwarding(int type, int flags, const ForwardingRow& row);

  std::string bytes_;
  std::vector<Step> steps_;
};

}  // namespace vireo
