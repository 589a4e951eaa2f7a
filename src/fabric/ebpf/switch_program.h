// SPDX-License-Identifier: Apache-2.0
// The switch program in the kernel. The loopback of the fabric's namespace carries it, too, so that
// program and maps live as long as the namespace, and a later daemon finds them there.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "host/netlink.h"

namespace vireo {

struct SwitchMaps {
  Fd ports, macs, addresses, links, members, counters;  // switch.h
};

class SwitchProgram {
 public:
  // Loads the program into `network_namespace`, or goes on with the maps that are there. Maps of
  // another version are replaced when they have no links. Errc::unsupported: this kernel cannot.
  // Errc::conflict: maps of another version are in use.
  static Result<SwitchProgram> open(const Fd& network_namespace);
  // Whether an earlier daemon's is there, of whatever version, and has links. Loads nothing.
  static Result<bool> has_links(const Fd& network_namespace);

  // Frames that come from the interface go through the switch from then on. May be repeated.
  // `netlink` is in the namespace.
  Result<void> attach(Netlink& netlink, const Fd& network_namespace, int index) const;

  const SwitchMaps& maps() const { return maps_; }
  // An earlier daemon's program was another one: attach() to all that are there.
  bool renewed() const { return renewed_; }

 private:
  SwitchMaps maps_;
  Fd program_;
  bool renewed_ = false;
};

}  // namespace vireo
