// SPDX-License-Identifier: Apache-2.0
// The reading half of Netlink: requests for the kernel's tables and their rows as values.
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <cstring>

#include "host/netlink.h"

namespace vireo {
namespace {

constexpr uint8_t families[] = {AF_INET, AF_INET6};

template <class Body>
nl_msg* question(int type, int flags, Body body) {
  nl_msg* made = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
  CHECK(made != nullptr && nlmsg_append(made, &body, sizeof body, NLMSG_ALIGNTO) == 0);
  return made;
}

std::string finished(nl_msg* message) {
  const nlmsghdr* head = nlmsg_hdr(message);
  std::string bytes(reinterpret_cast<const char*>(head), head->nlmsg_len);
  nlmsg_free(message);
  return bytes;
}

// The attributes of one message, by type.
class Attributes {
 public:
  Attributes(const nlmsghdr& head, int body_size) {
    valid_ =
        nlmsg_parse(const_cast<nlmsghdr*>(&head), body_size, table_.data(), last, nullptr) == 0;
  }
  explicit Attributes(nlattr* nest) {
    valid_ = nest != nullptr && nla_parse_nested(table_.data(), last, nest, nullptr) == 0;
  }
  nlattr* at(int type) const { return valid_ ? table_[static_cast<size_t>(type)] : nullptr; }
  template <class Value>
  Value get(int type, Value fallback = {}) const {
    const nlattr* found = at(type);
    if (found == nullptr || nla_len(found) < static_cast<int>(sizeof(Value))) return fallback;
    Value value{};
    std::memcpy(&value, nla_data(found), sizeof value);
    return value;
  }
  std::string text(int type) const {
    const nlattr* found = at(type);
    if (found == nullptr) return {};
    const auto* begin = static_cast<const char*>(nla_data(found));
    return std::string(begin, ::strnlen(begin, static_cast<size_t>(nla_len(found))));
  }
  MacAddress mac(int type) const {
    MacAddress value;
    const nlattr* found = at(type);
    if (found != nullptr && nla_len(found) == 6)
      std::memcpy(value.bytes.data(), nla_data(found), 6);
    return value;
  }
  std::optional<IpAddress> ip(int type, int family) const {
    const nlattr* found = at(type);
    IpAddress value{family == AF_INET6, {}};
    if (found == nullptr || nla_len(found) != static_cast<int>(value.size())) return std::nullopt;
    std::memcpy(value.bytes.data(), nla_data(found), value.size());
    return value;
  }

 private:
  static constexpr int last = 80;
  std::array<nlattr*, last + 1> table_{};
  bool valid_ = false;
};

template <class Body>
const Body& body_of(const nlmsghdr& head) {
  return *reinterpret_cast<const Body*>(&head + 1);
}

LinkCounters counters_of(const Attributes& attributes) {
  const auto kernel = attributes.get<rtnl_link_stats64>(IFLA_STATS64);
  return {kernel.rx_packets, kernel.tx_packets, kernel.rx_bytes,
          kernel.tx_bytes,   kernel.rx_dropped, kernel.tx_dropped};
}

LinkRow link_row(const nlmsghdr& head) {
  const auto& body = body_of<ifinfomsg>(head);
  const Attributes attributes(head, sizeof body);
  const Attributes info(attributes.at(IFLA_LINKINFO));
  LinkRow row;
  row.index = body.ifi_index;
  row.name = attributes.text(IFLA_IFNAME);
  row.alias = attributes.text(IFLA_IFALIAS);
  row.kind = info.text(IFLA_INFO_KIND);
  row.master = static_cast<int>(attributes.get<uint32_t>(IFLA_MASTER));
  row.mac = attributes.mac(IFLA_ADDRESS);
  row.mtu = attributes.get<uint32_t>(IFLA_MTU);
  row.group = attributes.get<uint32_t>(IFLA_GROUP);
  row.up = (body.ifi_flags & IFF_UP) != 0;
  row.promiscuous = (body.ifi_flags & IFF_PROMISC) != 0;
  row.loopback = (body.ifi_flags & IFF_LOOPBACK) != 0;
  const auto state = attributes.get<uint8_t>(IFLA_OPERSTATE);
  // Most drivers say nothing and mean up. A veth says nothing until the kernel's worker has seen
  // its carrier, and only then stays as it is.
  const bool silent_is_up = row.kind != "veth";
  row.operational = row.up && (state == IF_OPER_UP || (silent_is_up && state == IF_OPER_UNKNOWN));
  row.counters = counters_of(attributes);
  if (info.text(IFLA_INFO_SLAVE_KIND) == "bridge") {
    const Attributes port(info.at(IFLA_INFO_SLAVE_DATA));
    row.port_state = port.get<uint8_t>(IFLA_BRPORT_STATE);
    row.port_locked = port.get<uint8_t>(IFLA_BRPORT_LOCKED) != 0;
    row.floods_unicast = port.get<uint8_t>(IFLA_BRPORT_UNICAST_FLOOD) != 0;
    row.floods_group = port.get<uint8_t>(IFLA_BRPORT_BCAST_FLOOD) != 0;
  }
  return row;
}

std::optional<Route> route_row(const nlmsghdr& head) {
  const auto& body = body_of<rtmsg>(head);
  const Attributes attributes(head, sizeof body);
  if (body.rtm_type != RTN_UNICAST || body.rtm_protocol == RTPROT_KERNEL) return std::nullopt;
  Route route;
  route.v6 = body.rtm_family == AF_INET6;
  if (const auto ip = attributes.ip(RTA_DST, body.rtm_family))
    route.destination = IpPrefix{*ip, body.rtm_dst_len};
  route.gateway = attributes.ip(RTA_GATEWAY, body.rtm_family);
  route.source = attributes.ip(RTA_PREFSRC, body.rtm_family);
  route.index = static_cast<int>(attributes.get<uint32_t>(RTA_OIF));
  route.metric = attributes.get<uint32_t>(RTA_PRIORITY);
  route.table = attributes.get<uint32_t>(RTA_TABLE, body.rtm_table);
  route.protocol = body.rtm_protocol;
  route.scope = body.rtm_scope;
  return route;
}

}  // namespace

Result<std::vector<LinkRow>> Netlink::links() {
  std::vector<LinkRow> rows;
  TRY(request(finished(question(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{})),
              [&](const nlmsghdr& head) { rows.push_back(link_row(head)); }));
  return rows;
}

Result<LinkRow> Netlink::one_link(int index, const std::string& name) {
  ifinfomsg body{};
  body.ifi_index = index;
  nl_msg* message = question(RTM_GETLINK, 0, body);
  if (!name.empty()) nla_put_string(message, IFLA_IFNAME, name.c_str());
  LinkRow row;
  const Result<void> asked =
      request(finished(message), [&](const nlmsghdr& head) { row = link_row(head); });
  if (!asked)
    return Error{Errc::not_found, fmt::format("there is no interface {}",
                                              name.empty() ? fmt::to_string(index) : name)};
  return row;
}

Result<LinkRow> Netlink::link(const std::string& name) { return one_link(0, name); }
Result<LinkRow> Netlink::link(int index) { return one_link(index, ""); }

Result<std::vector<IpPrefix>> Netlink::addresses(int index) {
  std::vector<IpPrefix> rows;
  ifaddrmsg body{};
  body.ifa_index = static_cast<uint32_t>(index);
  TRY(request(finished(question(RTM_GETADDR, NLM_F_DUMP, body)), [&](const nlmsghdr& head) {
    const auto& found = body_of<ifaddrmsg>(head);
    const Attributes attributes(head, sizeof found);
    auto ip = attributes.ip(IFA_LOCAL, found.ifa_family);
    if (!ip) ip = attributes.ip(IFA_ADDRESS, found.ifa_family);
    // Link-local addresses are the kernel's own doing.
    if (ip && found.ifa_scope != RT_SCOPE_LINK && found.ifa_index == static_cast<uint32_t>(index))
      rows.push_back({*ip, found.ifa_prefixlen});
  }));
  return rows;
}

Result<std::vector<Route>> Netlink::routes(int index) {
  std::vector<Route> rows;
  for (const uint8_t family : families) {
    rtmsg body{};
    body.rtm_family = family;
    TRY(request(finished(question(RTM_GETROUTE, NLM_F_DUMP, body)), [&](const nlmsghdr& head) {
      const std::optional<Route> route = route_row(head);
      if (route && route->index == index) rows.push_back(*route);
    }));
  }
  return rows;
}

Result<std::vector<NeighbourRow>> Netlink::neighbours(int index) {
  std::vector<NeighbourRow> rows;
  for (const uint8_t family : families) {
    ndmsg body{};
    body.ndm_family = family;
    nl_msg* message = question(RTM_GETNEIGH, NLM_F_DUMP, body);
    nla_put_u32(message, NDA_IFINDEX, static_cast<uint32_t>(index));
    TRY(request(finished(message), [&](const nlmsghdr& head) {
      const auto& found = body_of<ndmsg>(head);
      const Attributes attributes(head, sizeof found);
      const auto ip = attributes.ip(NDA_DST, found.ndm_family);
      if (ip && found.ndm_ifindex == index && (found.ndm_state & NUD_PERMANENT) != 0)
        rows.push_back({index, *ip, attributes.mac(NDA_LLADDR)});
    }));
  }
  return rows;
}

Result<std::vector<ForwardingRow>> Netlink::forwarding(int bridge) {
  std::vector<ForwardingRow> rows;
  ndmsg body{};
  body.ndm_family = AF_BRIDGE;
  nl_msg* message = question(RTM_GETNEIGH, NLM_F_DUMP, body);
  nla_put_u32(message, NDA_MASTER, static_cast<uint32_t>(bridge));
  TRY(request(finished(message), [&](const nlmsghdr& head) {
    const auto& found = body_of<ndmsg>(head);
    const Attributes attributes(head, sizeof found);
    const bool of_bridge = attributes.get<uint32_t>(NDA_MASTER) == static_cast<uint32_t>(bridge);
    const bool reserved = (found.ndm_state & NUD_PERMANENT) != 0;
    if (of_bridge && (reserved || (found.ndm_state & NUD_NOARP) != 0))
      rows.push_back({found.ndm_ifindex, attributes.mac(NDA_LLADDR), reserved});
  }));
  return rows;
}

}  // namespace vireo
