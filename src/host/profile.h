// SPDX-License-Identifier: Apache-2.0
// What this host is and which of its limits stand in the way: for `vireo host` and for every
// benchmark's stamp. Reads files only; changes nothing.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace vireo {

struct HostLimit {
  std::string name;      // "open files"
  uint64_t value = 0;    // here; a limit that cannot be seen is not listed
  uint64_t advised = 0;  // for about 1,000 instances
  std::string setting;   // how to change it: "sysctl -w kernel.pid_max=4194304"
  bool enough() const { return value >= advised; }
};

struct HostProfile {
  std::string kernel;     // "6.18.44"
  std::string processor;  // model name
  unsigned cpus = 0;
  uint64_t memory = 0;  // bytes
  uint64_t memory_available = 0;
  std::string cgroup;  // "v2", "v1", "hybrid", "none"
  std::string congestion_control;
  std::string
      apparmor;  // "off", or what it holds this process to: "unconfined", "vireod (enforce)"
  bool kvm_device = false;  // the node exists; that says nothing of its use
  bool tun = false;
  bool user_namespaces = false;
  bool overlay = false;
  bool xen_dom0 = false;
  std::vector<HostLimit> limits;
};

// `root` is put before every path: "" here, a folder of files in tests.
HostProfile read_host_profile(const std::string& root = {});

}  // namespace vireo
