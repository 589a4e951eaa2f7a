// SPDX-License-Identifier: Apache-2.0
// Whether this host lets so many instances run, told before the first is started. Pure.
#pragma once
#include <cstdint>
#include <string>

#include "base/result.h"
#include "host/profile.h"

namespace vireo::bench {

// What one more instance takes; `open_files` are those of the daemon (keepers share theirs out
// among as many processes as it takes). A container's were counted with 950 running; a machine's
// with 2,000: the VMM and a thread of KVM's, its agent's socket and its vitals page.
struct InstanceNeeds {
  uint64_t processes = 0, open_files = 0, namespaces = 0;  // of users and of networks, each
  uint64_t bytes = 0;
};
InstanceNeeds needs_of(const std::string& technology);

// Errc::exhausted names the setting, its value, and how many would go. `processes` is the number
// that the host has now.
Result<void> check_density(const std::string& technology, uint64_t count, const HostProfile& host,
                           uint64_t processes);

}  // namespace vireo::bench
