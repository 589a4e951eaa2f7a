// SPDX-License-Identifier: Apache-2.0
// Settings of whole network namespaces (Documentation/networking/ip-sysctl.rst of the kernel).
#pragma once
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct NetworkDefault {
  std::string_view path;  // below /proc/sys/net/
  std::string_view value;
};

// Of the namespaces of our own: they forward nothing, filter nothing and have no address. A new
// namespace inherits the host's IPv4 settings, its forwarding among them.
inline constexpr NetworkDefault fabric_defaults[] = {
    {"ipv4/ip_forward", "0"},
    {"ipv6/conf/all/forwarding", "0"},
    {"ipv6/conf/default/accept_ra", "0"},
    {"ipv6/conf/default/addr_gen_mode", "1"},
    {"bridge/bridge-nf-call-iptables", "0"},
    {"bridge/bridge-nf-call-ip6tables", "0"},
    {"bridge/bridge-nf-call-arptables", "0"},
};
// Of one whose frames are switched before any stack: each near end with IPv6 has a route of its
// own, and each that comes up walks all of them (fib6_ifup in the kernel's net/ipv6/route.c). A
// bridge needs it: it asks that stack where neighbours are (net/bridge/br_arp_nd_proxy.c).
inline constexpr NetworkDefault switch_defaults[] = {
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
};
inline constexpr NetworkDefault ends_defaults[] = {
    {"ipv4/ip_forward", "0"},
    {"ipv6/conf/all/disable_ipv6", "1"},
    {"ipv6/conf/default/disable_ipv6", "1"},
};
// Of an instance: addresses are ours alone to give, and usable at once.
inline constexpr NetworkDefault instance_defaults[] = {
    {"ipv6/conf/default/accept_ra", "0"},
    {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/default/addr_gen_mode", "1"},
};

// A setting that this kernel does not have (no IPv6, no bridge filter) is passed over.
Result<void> set_network_defaults(const Fd& network_namespace,
                                  std::span<const NetworkDefault> settings);

}  // namespace vireo
