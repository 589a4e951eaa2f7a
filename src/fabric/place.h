// SPDX-License-Identifier: Apache-2.0
// Where a fabric of the kernel's interfaces lives.
#pragma once
#include <string>

#include "base/fd.h"

namespace vireo {

// Network namespaces; who keeps them alive across a restart keeps all links and ports.
struct FabricPlace {
  Fd fabric;                    // taps, near ends, what joins them
  Fd ends;                      // far ends whose frames go through AF_PACKET descriptors
  Fd host;                      // where host addresses and uplinks are
  std::string state_directory;  // exists; what was taken from the host is written here
  bool prefer_taps = false;     // for packet functions, over AF_PACKET
};

// The first index for interfaces of this place: far above those that the kernel chooses itself, so
// that the two never meet, and apart from those of another daemon, whose host ends may lie in the
// same namespace.
int first_interface_index(const FabricPlace& place);

}  // namespace vireo
