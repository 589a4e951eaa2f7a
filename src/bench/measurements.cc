// SPDX-License-Identifier: Apache-2.0
#include "bench/measurements.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "bench/density_limits.h"
#include "bench/probe/chain_probe.h"
#include "bench/probe/churn_probe.h"
#include "bench/probe/commands.h"
#include "bench/probe/density_probe.h"
#include "bench/probe/heal_probe.h"
#include "bench/probe/iperf.h"
#include "bench/probe/memory_probe.h"
#include "bench/probe/packets_probe.h"
#include "bench/probe/refill_probe.h"
#include "bench/probe/round_trip_probe.h"
#include "bench/probe/sessions_probe.h"
#include "bench/probe/size_probe.h"
#include "bench/probe/spare_memory_probe.h"
#include "bench/probe/start_probe.h"
#include "bench/probe/throughput_probe.h"
#include "bench/settle.h"
#include "host/files.h"
#include "host/profile.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* container = "container";
constexpr const char* unikernel = "unikernel.vireo.kvm";

unsigned runs_of(const BenchOptions& options, unsigned quick, unsigned full) {
  if (options.runs > 0) return options.runs;
  return options.quick ? quick : full;
}

// A quick run stays quick on a slow or busy machine, with fewer samples.
std::chrono::seconds budget_of(const BenchOptions& options, std::chrono::seconds quick) {
  return options.quick && options.runs == 0 ? quick : 0s;
}

Round instantiation_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"instantiation", {}, runs_of(options, 10, 30), 1, budget_of(options, 10s)};
  StartOptions start;
  start.program = workshop.programs.vireod;
  start.archive = workshop.start_archive;
  start.neighbour_archive = workshop.listener_archive;
  auto add = [&](const char* technology, const std::vector<std::string>& modes, unsigned network) {
    if (!options.wants_technology(technology)) return;
    start.technology = technology;
    for (const std::string& mode : modes) {
      start.mode = mode;
      start.network = fmt::format("10.99.{}", network++);
      round.probes.push_back(make_start_probe(start));
    }
  };
  add(container, {"pooled", "cold"}, 0);
  add(unikernel, {"rehearsed", "parked", "fork", "cold"}, 2);
  if (options.wants_peer("runc")) round.probes.push_back(make_runc_start_probe(workshop.peers));
  if (options.wants_peer("docker"))
    round.probes.push_back(make_docker_start_probe(workshop.docker, workshop.start_archive));
  if (options.wants_peer("qemu_microvm"))
    round.probes.push_back(make_qemu_start_probe(workshop.peers));
  return round;
}

Round throughput_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"throughput", {}, runs_of(options, 3, 15), 1, budget_of(options, 10s)};
  for (const auto& path : workshop.paths)
    round.probes.push_back(make_throughput_probe(path, options.quick ? 300ms : 1000ms));
  PacketsOptions packets;
  packets.program = workshop.programs.vireod;
  packets.listener_archive = workshop.listener_archive;
  packets.duration = options.quick ? 200ms : 500ms;
  unsigned network = 0;
  for (const char* technology : {container, unikernel}) {
    if (!options.wants_technology(technology)) continue;
    packets.technology = technology;
    packets.network = fmt::format("10.87.{}", network++);
    round.probes.push_back(make_packets_probe(packets));
  }
  return round;
}

// Not through functions: the goal is the fabric's. Of unikernels to the smallest function.
Round round_trip_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"round_trip", {}, runs_of(options, 3, 15), 1};
  RoundTripOptions each = options.quick ? RoundTripOptions{20, 2000} : RoundTripOptions{};
  for (const auto& path : workshop.paths)
    if (path->row().mode.find(" ports") == std::string::npos && path->row().technology != unikernel)
      round.probes.push_back(make_round_trip_probe(path, each));
  for (const auto& path : workshop.responders)
    round.probes.push_back(make_round_trip_probe(path, each));
  return round;
}

Round size_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"image_size", {}, 1, 0};
  SizeOptions sizes{workshop.programs.vireod, workshop.programs.directory, workshop.iperf_archive,
                    "iperf", workshop.peers.work_folder};
  if (!options.image.empty()) {
    sizes.foreign_archive = options.image;
    sizes.foreign_name = options.image.substr(options.image.rfind('/') + 1);
  }
  if (options.wants_technology(container)) round.probes.push_back(make_size_probe(sizes));
  if (options.wants_technology(unikernel)) round.probes.push_back(make_unikernel_size_probe(sizes));
  if (options.wants_peer("docker"))
    round.probes.push_back(make_docker_size_probe(sizes, workshop.docker));
  return round;
}

unsigned spare_count(const BenchOptions& options) { return options.quick ? 100 : 200; }

// As many run, wait with a program and wait without: fewer than 500 machines in all.
constexpr unsigned refilled_spares = 150;

Round memory_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"memory_use", {}, runs_of(options, 1, 5), options.quick ? 0u : 1u};
  MemoryOptions each;
  each.program = workshop.programs.vireod;
  if (options.quick) each.instances = 60, each.attempts = 1, each.tolerance = 1;
  if (options.wants_technology(container)) {
    round.probes.push_back(make_memory_probe(each));
    each.listener_archive = workshop.listener_archive;
    round.probes.push_back(make_memory_probe(each));
  }
  each.listener_archive.clear();
  each.technology = unikernel;
  if (options.wants_technology(unikernel)) {
    round.probes.push_back(make_memory_probe(each));
    for (const char* tier : {"parked", "rehearsed"})
      round.probes.push_back(
          make_spare_memory_probe({{workshop.programs.vireod, tier, spare_count(options)},
                                   workshop.programs.open_fabric,
                                   each.tolerance,
                                   each.attempts}));
  }
  return round;
}

Round heal_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"heal", {}, runs_of(options, 5, 30), 1};
  unsigned network = 0;
  for (const char* technology : {container, unikernel}) {
    if (!options.wants_technology(technology)) continue;
    round.probes.push_back(make_heal_probe({technology, fmt::format("10.91.{}", network++),
                                            workshop.programs.vireod, workshop.listener_archive}));
  }
  return round;
}

// Those that were asked for, whatever this host can run; else those that there is a driver for.
std::vector<std::string> technologies_of(const BenchOptions& options) {
  if (!options.technologies.empty()) return options.technologies;
  return {container, unikernel};
}

unsigned density_count(const BenchOptions& options) {
  if (options.count > 0) return options.count;
  return options.quick ? 50 : 200;
}

Round density_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"density", {}, runs_of(options, 1, 1), 0};
  for (const std::string& technology : technologies_of(options)) {
    DensityOptions each;
    each.program = workshop.programs.vireod;
    each.technology = technology;
    each.count = density_count(options);
    each.progress = workshop.progress;
    each.interrupted = workshop.interrupted;
    round.probes.push_back(make_density_probe(each));
  }
  return round;
}

Round chain_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"chain", {}, runs_of(options, 2, 5), 0};
  ChainOptions chain;
  chain.program = workshop.programs.vireod;
  chain.iperf_archive = workshop.iperf_archive;
  chain.duration = options.quick ? 300ms : 1000ms;
  if (options.length > 0) chain.length = options.length;
  // Named technologies take turns in one chain; else there is one of each.
  std::vector<std::vector<std::string>> chains{options.technologies};
  if (options.technologies.empty()) chains = {{container}, {unikernel}};
  for (auto& hops : chains) {
    chain.technologies = std::move(hops);
    round.probes.push_back(make_chain_probe(chain));
  }
  return round;
}

Round sessions_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"sessions", {}, runs_of(options, 2, 5), 0};
  for (const std::string& technology : technologies_of(options))
    for (const char* function : {"firewall", "nat"}) {
      SessionsOptions each;
      each.program = workshop.programs.vireod;
      each.listener_archive = workshop.listener_archive;
      each.technology = technology;
      each.function = function;
      if (options.count > 0) each.flows = options.count;
      round.probes.push_back(make_sessions_probe(each));
    }
  return round;
}

Round churn_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"churn", {}, runs_of(options, 1, 1), 0};
  unsigned network = 80;
  for (const std::string& technology : technologies_of(options))
    for (const unsigned clients : {1u, 8u}) {
      ChurnOptions each;
      each.program = workshop.programs.vireod;
      each.technology = technology;
      each.network = fmt::format("10.{}", network++);
      each.clients = clients;
      if (options.quick) each.duration = 2s;
      each.interrupted = workshop.interrupted;
      round.probes.push_back(make_churn_probe(each));
    }
  return round;
}

Round refill_round(const BenchOptions& options, const Workshop& workshop) {
  Round round{"refill", {}, runs_of(options, 3, 10), 0};
  const std::vector<std::string> all{unikernel};
  for (const std::string& technology : options.technologies.empty() ? all : options.technologies)
    for (const char* tier : {"parked", "rehearsed"})
      round.probes.push_back(
          make_refill_probe(technology, {workshop.programs.vireod, tier, refilled_spares}));
  return round;
}

void make_paths(const BenchOptions& options, Workshop& workshop) {
  unsigned network = 0;
  auto made = [&](const char* technology, const char* packet_ports, const char* fabric,
                  const char* middle = "forwarder") {
    PathOptions path;
    path.program = workshop.programs.vireod;
    path.iperf_archive = workshop.iperf_archive;
    path.network = fmt::format("10.95.{}", network++);
    path.packet_ports = packet_ports;
    path.fabric = fabric;
    path.technology = technology;
    path.middle = middle;
    return make_vireo_paths(path);
  };
  auto& paths = workshop.paths;
  if (options.wants_technology(container)) {
    VireoPaths packet = made(container, "packet", ""), tap = made(container, "tap", "");
    paths = {packet.direct, packet.through, tap.through};
    if (!options.quick) {
      VireoPaths firewall = made(container, "packet", "", "firewall");
      VireoPaths bridge = made(container, "packet", "bridge");
      paths.insert(paths.end(), {firewall.through, bridge.direct, bridge.through});
    }
  }
  if (options.wants_technology(unikernel)) {
    VireoPaths guest = made(unikernel, "", "");
    paths.insert(paths.end(), {guest.direct, guest.through});
    workshop.responders = {guest.responder, guest.polling};
  }
  if (options.wants_peer("bare_veth")) paths.push_back(make_bare_veth_path());
  if (options.wants_peer("docker"))
    paths.push_back(make_docker_path(workshop.docker, workshop.iperf_archive));
}

// A root with the bench's own listener, as a folder and as an archive.
Result<void> pack_listener(const BenchPrograms& programs, const std::string& root) {
  TRY(
      run_script(fmt::format("mkdir '{0}' '{0}/proc' '{0}/dev'; cp '{1}/bench/listener' '{0}/';"
                             "tar -C '{0}' -cf '{0}.tar' .",
                             root, programs.directory)));
  return {};
}

uint64_t processes_now() {
  auto names = list_directory("/proc").value_or({});
  return static_cast<uint64_t>(
      std::ranges::count_if(names, [](const std::string& name) { return name[0] <= '9'; }));
}

}  // namespace

Result<void> check_limits(const BenchOptions& options) {
  if (!options.wants("density")) return {};
  const HostProfile host = read_host_profile();
  for (const std::string& technology : technologies_of(options))
    TRY(check_density(technology, density_count(options), host, processes_now()));
  return {};
}

Result<Workshop> prepare_workshop(const BenchOptions& options, const BenchPrograms& programs,
                                  const std::string& folder) {
  Workshop workshop;
  workshop.programs = programs;
  std::string root = folder + "/listener";
  TRY(pack_listener(programs, root));
  workshop.listener_archive = root + ".tar";
  if (!options.image.empty()) {
    root = folder + "/image";
    TRY(run_script(fmt::format("mkdir '{0}'; tar -C '{0}' -xf '{1}'; tar -C '{0}' -cf '{0}.tar' .",
                               root, options.image)));
  }
  workshop.start_archive = root + ".tar";
  workshop.peers = {options.peer_directory.empty() ? programs.peers : options.peer_directory,
                    options.dockerd,
                    workshop.start_archive,
                    root,
                    programs.directory + "/functions",
                    folder};
  // Without iperf the paths say so themselves.
  workshop.iperf_archive = pack_iperf(folder).value_or("");
  workshop.docker = std::make_shared<DockerDaemon>(workshop.peers);
  make_paths(options, workshop);
  return workshop;
}

Round round_of(const std::string& metric, const BenchOptions& options, const Workshop& workshop) {
  using Make = Round (*)(const BenchOptions&, const Workshop&);
  static const std::map<std::string, Make> makers{{"instantiation", instantiation_round},
                                                  {"throughput", throughput_round},
                                                  {"round_trip", round_trip_round},
                                                  {"image_size", size_round},
                                                  {"memory_use", memory_round},
                                                  {"heal", heal_round},
                                                  {"density", density_round},
                                                  {"churn", churn_round},
                                                  {"refill", refill_round},
                                                  {"chain", chain_round},
                                                  {"sessions", sessions_round}};
  Round round = makers.at(metric)(options, workshop);
  // What these measure is over in less time than what a sample leaves takes to go.
  if (metric == "instantiation" || metric == "heal") round.settle = [] { settle(); };
  return round;
}

}  // namespace vireo::bench
