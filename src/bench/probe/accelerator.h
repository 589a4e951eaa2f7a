// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace vireo::bench {

// What a row says runs it: "kvm" of "unikernel.vireo.kvm" or of a chain with one; "none" of
// containers alone.
inline std::string accelerator_of(const std::string& technology) {
  for (const char* name : {"kvm", "xen"})
    if (technology.find(std::string(".") + name) != std::string::npos) return name;
  return "none";
}

}  // namespace vireo::bench
