// SPDX-License-Identifier: Apache-2.0
#include "host/netlink_batch.h"

#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

namespace vireo {
namespace {

template <class Body>
nl_msg* message(int type, int flags, Body body) {
  nl_msg* made = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);
  CHECK(made != nullptr);
  CHECK(nlmsg_append(made, &body, sizeof body, NLMSG_ALIGNTO) == 0);
  return made;
}

void put(nl_msg* to, int type, const void* bytes, size_t size) {
  CHECK(nla_put(to, type, static_cast<int>(size), bytes) == 0);
}
template <class Value>
void put(nl_msg* to, int type, Value value) {
  put(to, type, &value, sizeof value);
}
void put(nl_msg* to, int type, const std::string& text) {
  put(to, type, text.c_str(), text.size() + 1);
}
void put(nl_msg* to, int type, const MacAddress& mac) { put(to, type, mac.bytes.data(), 6); }
void put(nl_msg* to, int type, const IpAddress& ip) { put(to, type, ip.bytes.data(), ip.size()); }
void put_flag(nl_msg* to, int type, const std::optional<bool>& value) {
  if (value) put(to, type, static_cast<uint8_t>(*value));
}

uint8_t family_of(bool v6) { return v6 ? AF_INET6 : AF_INET; }

ifinfomsg link_head(int index, std::optional<bool> up) {
  ifinfomsg head{};
  head.ifi_index = index;
  if (up) head.ifi_change = IFF_UP;
  if (up.value_or(false)) head.ifi_flags = IFF_UP;
  return head;
}

void put_veth_end(nl_msg* to, const VethEnd& end, unsigned mtu) {
  put(to, IFLA_IFNAME, end.name);
  put(to, IFLA_MTU, uint32_t{mtu});
  if (end.group != 0) put(to, IFLA_GROUP, uint32_t{end.group});
  if (end.mac) put(to, IFLA_ADDRESS, *end.mac);
  if (end.network_namespace != nullptr)
    put(to, IFLA_NET_NS_FD, static_cast<uint32_t>(end.network_namespace->get()));
}

void put_link_local(nl_msg* to, bool wanted) {
  nlattr* families = nla_nest_start(to, IFLA_AF_SPEC);
  nlattr* v6 = nla_nest_start(to, AF_INET6);
  put(to, IFLA_INET6_ADDR_GEN_MODE,
      static_cast<uint8_t>(wanted ? IN6_ADDR_GEN_MODE_EUI64 : IN6_ADDR_GEN_MODE_NONE));
  nla_nest_end(to, v6);
  nla_nest_end(to, families);
}

ndmsg neighbour_head(uint8_t family, int index, uint16_t state, uint8_t flags) {
  ndmsg head{};
  head.ndm_family = family;
  head.ndm_ifindex = index;
  head.ndm_state = state;
  head.ndm_flags = flags;
  return head;
}

nl_msg* address_message(int type, int flags, int index, const IpPrefix& address) {
  ifaddrmsg head{};
  head.ifa_family = family_of(address.address.v6);
  head.ifa_prefixlen = static_cast<uint8_t>(address.length);
  head.ifa_index = static_cast<uint32_t>(index);
  nl_msg* made = message(type, flags, head);
  put(made, IFA_LOCAL, address.address);
  put(made, IFA_ADDRESS, address.address);
  put(made, IFA_FLAGS, uint32_t{IFA_F_NODAD});
  if (!address.address.v6 && address.length < 31)
    put(made, IFA_BROADCAST, address.network().broadcast());
  return made;
}

std::string place(int index, const std::string& name) {
  return name.empty() ? "interface " + std::to_string(index) : name;
}

}  // namespace

NetlinkBatch& NetlinkBatch::append(nl_msg* message, std::string_view what, std::string subject) {
  const nlmsghdr* head = nlmsg_hdr(message);
  steps_.push_back({bytes_.size(), what, std::move(subject), {}});
  bytes_.append(reinterpret_cast<const char*>(head), head->nlmsg_len);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  nlmsg_free(message);
  return *this;
}

NetlinkBatch& NetlinkBatch::tolerate(int error_number) {
  steps_.back().tolerated.push_back(error_number);
  return *this;
}

NetlinkBatch& NetlinkBatch::add_bridge(const BridgeRequest& bridge) {
  nl_msg* made =
      message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_head(bridge.index, std::nullopt));
  put(made, IFLA_IFNAME, bridge.name);
  put(made, IFLA_ADDRESS, bridge.mac);
  put(made, IFLA_MTU, uint32_t{bridge.mtu});
  put(made, IFLA_GROUP, uint32_t{bridge.group});
  nlattr* info = nla_nest_start(made, IFLA_LINKINFO);
  put(made, IFLA_INFO_KIND, std::string("bridge"));
  nlattr* settings = nla_nest_start(made, IFLA_INFO_DATA);
  put(made, IFLA_BR_STP_STATE, uint32_t{0});
  put(made, IFLA_BR_MCAST_SNOOPING, uint8_t{0});
  nla_nest_end(made, settings);
  nla_nest_end(made, info);
  return append(made, "cannot make bridge", bridge.name);
}

NetlinkBatch& NetlinkBatch::add_veth(const VethEnd& near, const VethEnd& far, unsigned mtu) {
  const std::optional<bool> near_up = near.up ? std::optional(true) : std::nullopt;
  nl_msg* made = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_head(near.index, near_up));
  put_veth_end(made, near, mtu);
  nlattr* info = nla_nest_start(made, IFLA_LINKINFO);
  put(made, IFLA_INFO_KIND, std::string("veth"));
  nlattr* settings = nla_nest_start(made, IFLA_INFO_DATA);
  nlattr* peer = nla_nest_start(made, VETH_INFO_PEER);
  const ifinfomsg peer_head = link_head(far.index, std::nullopt);
  CHECK(nlmsg_append(made, const_cast<ifinfomsg*>(&peer_head), sizeof peer_head, NLMSG_ALIGNTO) ==
        0);
  put_veth_end(made, far, mtu);
  nla_nest_end(made, peer);
  nla_nest_end(made, settings);
  nla_nest_end(made, info);
  return append(made, "cannot make veth pair", near.name);
}

NetlinkBatch& NetlinkBatch::change_link(const LinkChange& change) {
  ifinfomsg head = link_head(change.index, change.up);
  if (change.promiscuous) head.ifi_change |= IFF_PROMISC;
  if (change.promiscuous.value_or(false)) head.ifi_flags |= IFF_PROMISC;
  nl_msg* made = message(RTM_NEWLINK, 0, head);
  if (!change.name.empty()) put(made, IFLA_IFNAME, change.name);
  if (change.move_to != nullptr)
    put(made, IFLA_NET_NS_FD, static_cast<uint32_t>(change.move_to->get()));
  if (change.mac) put(made, IFLA_ADDRESS, *change.mac);
  if (change.mtu) put(made, IFLA_MTU, uint32_t{*change.mtu});
  if (change.group) put(made, IFLA_GROUP, uint32_t{*change.group});
  if (change.queue_length) put(made, IFLA_TXQLEN, uint32_t{*change.queue_length});
  if (change.alias) put(made, IFLA_IFALIAS, change.alias->data(), change.alias->size());
  if (change.master) put(made, IFLA_MASTER, static_cast<uint32_t>(*change.master));
  if (change.link_local) put_link_local(made, *change.link_local);
  return append(made, change.master ? "cannot join a bridge with" : "cannot change",
                place(change.index, change.name));
}

NetlinkBatch& NetlinkBatch::remove_link(int index) {
  return append(message(RTM_DELLINK, 0, link_head(index, std::nullopt)), "cannot remove",
                place(index, ""));
}

NetlinkBatch& NetlinkBatch::no_queue(int index) {
  tcmsg head{};
  head.tcm_ifindex = index;
  head.tcm_parent = TC_H_ROOT;
  nl_msg* made = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, head);
  constexpr char kind[] = "noqueue";
  put(made, TCA_KIND, kind, sizeof kind);
  return append(made, "cannot go without a queue on", place(index, ""));
}

NetlinkBatch& NetlinkBatch::join_filter_block(int index, uint32_t block) {
  tcmsg head{};
  head.tcm_ifindex = index;
  head.tcm_parent = TC_H_INGRESS;
  head.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
  nl_msg* made = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, head);
  constexpr char kind[] = "ingress";
  put(made, TCA_KIND, kind, sizeof kind);
  put(made, TCA_INGRESS_BLOCK, block);
  return append(made, "cannot filter what comes in through", place(index, ""));
}

NetlinkBatch& NetlinkBatch::filter_block(uint32_t block, int program, bool replace) {
  constexpr uint32_t priority = 1;
  tcmsg head{};
  head.tcm_ifindex = static_cast<int>(TCM_IFINDEX_MAGIC_BLOCK);
  head.tcm_block_index = block;
  head.tcm_handle = 1;
  head.tcm_info = TC_H_MAKE(priority << 16, htons(ETH_P_ALL));
  nl_msg* made = message(RTM_NEWTFILTER, NLM_F_CREATE | (replace ? 0 : NLM_F_EXCL), head);
  constexpr char kind[] = "bpf", name[] = "vireo_switch";
  put(made, TCA_KIND, kind, sizeof kind);
  nlattr* options = nla_nest_start(made, TCA_OPTIONS);
  put(made, TCA_BPF_FD, static_cast<uint32_t>(program));
  put(made, TCA_BPF_NAME, name, sizeof name);
  put(made, TCA_BPF_FLAGS, uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
  nla_nest_end(made, options);
  return append(made, "cannot set the filter of block", std::to_string(block));
}

NetlinkBatch& NetlinkBatch::remove_group(unsigned group) {
  nl_msg* made = message(RTM_DELLINK, 0, link_head(0, std::nullopt));
  put(made, IFLA_GROUP, uint32_t{group});
  return append(made, "cannot remove interfaces of group", std::to_string(group));
}

NetlinkBatch& NetlinkBatch::change_port(int index, const BridgePortChange& change) {
  ifinfomsg head = link_head(index, std::nullopt);
  head.ifi_family = AF_BRIDGE;
  nl_msg* made = message(RTM_SETLINK, 0, head);
  nlattr* port = nla_nest_start(made, IFLA_PROTINFO | NLA_F_NESTED);
  put_flag(made, IFLA_BRPORT_LEARNING, change.learning);
  put_flag(made, IFLA_BRPORT_UNICAST_FLOOD, change.flood_unicast);
  put_flag(made, IFLA_BRPORT_MCAST_FLOOD, change.flood_group);
  put_flag(made, IFLA_BRPORT_BCAST_FLOOD, change.flood_group);
  put_flag(made, IFLA_BRPORT_NEIGH_SUPPRESS, change.suppress_neighbours);
  put_flag(made, IFLA_BRPORT_LOCKED, change.locked);
  if (change.state) put(made, IFLA_BRPORT_STATE, static_cast<uint8_t>(*change.state));
  nla_nest_end(made, port);
  return append(made, "cannot set the bridge port of", place(index, ""));
}

NetlinkBatch& NetlinkBatch::add_address(int index, const IpPrefix& address) {
  return append(address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address),
                "cannot add address", to_string(address))
      .tolerate(EEXIST);
}

NetlinkBatch& NetlinkBatch::remove_address(int index, const IpPrefix& address) {
  return append(address_message(RTM_DELADDR, 0, index, address), "cannot remove address",
                to_string(address))
      .tolerate(EADDRNOTAVAIL);
}

NetlinkBatch& NetlinkBatch::add_local(int index, const IpAddress& address) {
  rtmsg head{};
  head.rtm_family = family_of(address.v6);
  head.rtm_dst_len = static_cast<uint8_t>(address.bits());
  head.rtm_table = RT_TABLE_LOCAL;
  head.rtm_protocol = RTPROT_STATIC;
  head.rtm_scope = RT_SCOPE_HOST;
  head.rtm_type = RTN_LOCAL;
  nl_msg* made = message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
  put(made, RTA_DST, address);
  put(made, RTA_OIF, static_cast<uint32_t>(index));
  return append(made, "cannot receive for", to_string(address));
}

NetlinkBatch& NetlinkBatch::add_route(const Route& route) {
  const bool v6 = route.destination ? route.destination->address.v6
                  : route.gateway   ? route.gateway->v6
                                    : route.v6;
  rtmsg head{};
  head.rtm_family = family_of(v6);
  head.rtm_dst_len = static_cast<uint8_t>(route.destination ? route.destination->length : 0);
  head.rtm_table = RT_TABLE_UNSPEC;
  head.rtm_protocol = static_cast<uint8_t>(route.protocol);
  head.rtm_scope = static_cast<uint8_t>(route.scope);
  head.rtm_type = RTN_UNICAST;
  nl_msg* made = message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, head);
  put(made, RTA_TABLE, uint32_t{route.table});
  put(made, RTA_OIF, static_cast<uint32_t>(route.index));
  if (route.destination) put(made, RTA_DST, route.destination->address);
  if (route.gateway) put(made, RTA_GATEWAY, *route.gateway);
  if (route.source) put(made, RTA_PREFSRC, *route.source);
  if (route.metric != 0) put(made, RTA_PRIORITY, uint32_t{route.metric});
  return append(made, "cannot add the route to",
                route.destination ? to_string(*route.destination) : "default");
}

NetlinkBatch& NetlinkBatch::add_neighbour(int index, const IpAddress& address,
                                          const MacAddress& mac) {
  nl_msg* made = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
                         neighbour_head(family_of(address.v6), index, NUD_PERMANENT, 0));
  put(made, NDA_DST, address);
  put(made, NDA_LLADDR, mac);
  return append(made, "cannot add neighbour", to_string(address));
}

NetlinkBatch& NetlinkBatch::remove_neighbour(int index, const IpAddress& address) {
  nl_msg* made =
      message(RTM_DELNEIGH, 0, neighbour_head(family_of(address.v6), index, NUD_NONE, 0));
  put(made, NDA_DST, address);
  return append(made, "cannot remove neighbour", to_string(address)).tolerate(ENOENT);
}

NetlinkBatch& NetlinkBatch::forwarding(int type, int flags, const ForwardingRow& row) {
  constexpr uint8_t sticky_on_master = NTF_MASTER | NTF_STICKY;
  ndmsg head = neighbour_head(AF_BRIDGE, row.port, NUD_NOARP, sticky_on_master);
  if (row.reserved) head = neighbour_head(AF_BRIDGE, row.port, NUD_PERMANENT, NTF_MASTER);
  nl_msg* made = message(type, flags, head);
  put(made, NDA_LLADDR, row.mac);
  return append(made, "cannot change the forwarding entry of", to_string(row.mac));
}

NetlinkBatch& NetlinkBatch::add_forwarding(int port, const MacAddress& mac) {
  return forwarding(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, {port, mac});
}

NetlinkBatch& NetlinkBatch::reserve_forwarding(int port, const MacAddress& mac) {
  return forwarding(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, {port, mac, true}).tolerate(EEXIST);
}

NetlinkBatch& NetlinkBatch::remove_forwarding(int port, const MacAddress& mac) {
  return forwarding(RTM_DELNEIGH, 0, {port, mac}).tolerate(ENOENT);
}

}  // namespace vireo
