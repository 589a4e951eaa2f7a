// SPDX-License-Identifier: Apache-2.0
// One running copy of a function, and its ports: the values that control, drivers and fabrics
// share.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/net_address.h"
#include "model/service.h"

namespace vireo {

// "TENANT/SERVICE/FUNCTION.REPLICA@GENERATION", e.g. "default/branch-office/fw.1@3". A replacement
// is a new generation: both exist side by side while traffic is moved. Spare shells and ports of
// the pools have ids that start with '~'.
using InstanceId = std::string;
// "TENANT/SERVICE/FUNCTION.REPLICA@GENERATION:PORT", PORT being "port0", "port1", ...
using PortId = std::string;
// "TENANT/SERVICE/LINK".
using LinkId = std::string;

// tap: a tap descriptor. packet: a bound AF_PACKET descriptor with PACKET_VNET_HDR. Both carry
// virtio_net headers of 10 bytes (struct virtio_net_hdr) in front of each Ethernet frame.
// veth: an interface with addresses inside the instance's network namespace.
enum class PortKind { tap, packet, veth };

// A port as a driver takes it.
struct PortEndpoint {
  PortKind kind = PortKind::tap;
  Fd fd;                  // tap, packet
  std::string interface;  // veth: its name in the instance's namespace
};

struct Neighbour {
  IpAddress address;
  MacAddress mac;
  bool operator==(const Neighbour&) const = default;
};

// A port as the planner describes it and the fabric makes it.
struct PortSpec {
  PortId id;
  LinkId link;
  PortKind kind = PortKind::tap;
  std::string name;  // inside the instance: "port0" ... in the descriptor's order
  MacAddress mac;
  std::vector<IpPrefix> addresses;  // with the length of their subnet; empty: transparent
  std::vector<IpAddress> gateways;  // default routes, one a family at most
  unsigned mtu = 1500;
  bool broadcast = false;
  // What else can be reached through this port (own MAC not repeated): filled by the planner
  // through transparent functions; seeds FDBs and neighbour tables.
  std::vector<Neighbour> behind;
  // An uplink lies behind it, too: whoever is not known may be reached through this port.
  bool outward = false;
  // Its frames carry addresses of others: it, or what lies behind it, routes.
  bool routes = false;
  std::vector<Neighbour> neighbours;  // who the port's own stack will talk to on this link
  bool operator==(const PortSpec&) const = default;
};

// The process of a container: the image's values with the descriptor's on top.
struct ProcessSpec {
  std::vector<std::string> arguments;    // [0] is the program
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory = "/";
  uint32_t uid = 0, gid = 0;  // inside the user namespace
  std::vector<uint32_t> groups;
  int stop_signal = 15;
  bool operator==(const ProcessSpec&) const = default;
};

struct RootFileSystem {
  std::vector<std::string> layers;          // unpacked directories, lowest first
  bool writable = false;                    // an overlay of its own, lost with the instance
  std::vector<std::string> writable_paths;  // tmpfs over these, when the root is read-only
  bool operator==(const RootFileSystem&) const = default;
};

// What a libvnf function is told at its start; absent for foreign images.
struct FunctionStart {
  std::string config;  // the encoded configuration struct
  uint32_t state_version = 0;
  unsigned counters = 0;
  bool operator==(const FunctionStart&) const = default;
};

// All that a driver needs to run an instance, beside its ports. Values only, so that a driver can
// move to another process.
struct InstanceSpec {
  InstanceId id;
  std::string host_name;
  std::string technology;  // "container"
  std::string image_digest;
  RootFileSystem root;
  ProcessSpec process;
  Resources resources;
  std::vector<FileContent> files;         // /etc/hosts and /etc/resolv.conf are among them
  std::vector<std::string> capabilities;  // kept ones, "CAP_NET_BIND_SERVICE"
  std::optional<FunctionStart> function;
  std::vector<PortSpec> ports;
  bool operator==(const InstanceSpec&) const = default;
};

// Whether a program that was loaded for one can be started as the other: nothing differs that it
// sees before its first instruction, or, of a libvnf function, before its identity. Ids, host
// names, limits (but a machine's memory), ports, a function's configuration and the content of
// files may differ.
bool same_program(const InstanceSpec& one, const InstanceSpec& other);

enum class ExitKind { code, signal, out_of_memory, killed, lost };  // killed: by us, on request
struct ExitReason {
  ExitKind kind = ExitKind::code;
  int value = 0;  // exit code or signal number
};
std::string to_string(const ExitReason& reason);  // "exit code 7", "signal 11 (SIGSEGV)", ...

enum class InstanceState { spare, starting, running, exited };

struct InstanceUsage {
  InstanceId id;
  uint64_t cpu_ns = 0;
  uint64_t memory = 0;  // bytes charged
  uint64_t memory_peak = 0;
  uint64_t pids = 0;
};

struct InstanceStatus {
  InstanceId id;
  InstanceState state = InstanceState::starting;
  std::optional<ExitReason> exit;
  std::string technology;
  bool ready = false;  // a libvnf function has said so in its vitals
};

struct PortCounters {
  PortId id;
  // As the function sees them: rx is what it received.
  uint64_t rx_packets = 0, rx_bytes = 0, rx_dropped = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_dropped = 0;
};

}  // namespace vireo
