// SPDX-License-Identifier: Apache-2.0
// What vireod is told at its start: where it keeps things. Every root can be moved, so that a
// private daemon runs inside a test, a container or a pod.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace vireo {

enum class DaemonMode { serve, local, bench, openapi, version, help };

struct DaemonOptions {
  DaemonMode mode = DaemonMode::serve;
  std::string state_directory = "/var/lib/vireo";  // store, images, logs
  std::string runtime_directory = "/run/vireo";    // socket, keeper; empty after a reboot
  std::string cgroup_root;                         // "" = this process's own cgroup
  std::string socket;                              // "" = RUNTIME/vireod.sock
  std::string group = "vireo";                     // may use the socket
  std::string program_directory;                   // vireo-keeper, vireo-unpack ...; "" = ours
  std::string function_directory;                  // "" = PROGRAMS/functions
  std::string log_level = "info";
  bool log_json = false;
  bool ephemeral = false;  // leave nothing behind: for tests, bench
  unsigned pool_size = 4;
  unsigned keep_loaded = 60;             // seconds
  std::string packet_ports;              // "tap", "packet"; "" = what the fabric does best
  std::string fabric = "auto";           // "ebpf", "bridge"; "auto": open_fabric.h
  std::string start_tier = "rehearsed";  // the quickest of virtual machines: vmm/start_tier.h
  std::vector<std::string> arguments;    // local, bench: what follows the mode
};

// Fills what was left empty from the rest. Errc::invalid: the message is the usage error.
Result<DaemonOptions> parse_options(int argc, char** argv);
std::string usage_text();

}  // namespace vireo
