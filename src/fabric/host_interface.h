// SPDX-License-Identifier: Apache-2.0
// What an interface of the host had (addresses, routes, state) before it joined a link: on disk
// before it is touched, so that it can be given back after any crash.
#pragma once
#include <string>
#include <vector>

#include "base/fd.h"
#include "host/netlink.h"

namespace vireo {

struct HostInterface {
  std::string name;
  std::string alias;
  bool up = false, promiscuous = false;
  unsigned mtu = 0, group = 0;
  std::vector<IpPrefix> addresses;
  std::vector<Route> routes;  // indexes are of no meaning
};

// What the host's namespace knows of it.
Result<HostInterface> describe_interface(Netlink& host, const LinkRow& row);
// Errc::conflict with what stands against taking it; `take` overrules addresses and routes.
Result<void> check_may_take(const LinkRow& row, const HostInterface& interface, bool take);

std::string saved_path(const std::string& directory, const std::string& link);
Result<void> save_interface(const std::string& path, const HostInterface& interface);
Result<HostInterface> load_interface(const std::string& path);

// Gives the interface, which is in the host's namespace again, what it had. May be repeated.
Result<void> restore_interface(Netlink& host, const HostInterface& interface);

}  // namespace vireo
