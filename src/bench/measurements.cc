// SPDX-License-Identifier: Apache-2.0
#include "bench/measurements.h"

#include <fmt/format.h>

#include "base/text.h"
#include "bench/commands.h"
#include "bench/start_probe.h"
#include "host/files.h"

namespace vireo::bench {
namespace {

unsigned runs_of(const BenchOptions& options, unsigned quick, unsigned full) {
  if (options.runs > 0) return options.runs;
  return options.quick ? quick : full;
}

std::vector<Round> instantiation_rounds(const BenchOptions& options, const Workshop& workshop) {
  Round round{"instantiation", {}, runs_of(options, 10, 30), 1};
  for (bool pooled : {true, false}) {
    StartOptions start;
    start.image = "bench/listener";
    start.pooled = pooled;
    start.program = workshop.programs.vireod;
    start.archive = workshop.listener_archive;
    round.probes.push_back(make_start_probe(start));
  }
  if (options.wants_peer("runc")) round.probes.push_back(make_runc_start_probe(workshop.peers));
  if (options.wants_peer("docker")) round.probes.push_back(make_docker_start_probe(workshop.peers));
  std::vector<Round> rounds;
  rounds.push_back(std::move(round));
  return rounds;
}

}  // namespace

Result<Workshop> prepare_workshop(const BenchOptions& options, const BenchPrograms& programs,
                                  const std::string& folder) {
  std::string root = folder + "/root", archive = folder + "/root.tar";
  TRY(make_directories(root));
  if (options.image.empty())
    TRY(run_script(fmt::format("mkdir '{0}/proc' '{0}/dev'; cp '{1}/bench/listener' '{0}/'", root,
                               programs.directory)));
  else
    TRY(run_script(fmt::format("tar -C '{}' -xf '{}'", root, options.image)));
  TRY(run_script(fmt::format("tar -C '{}' -cf '{}' .", root, archive)));
  Workshop workshop;
  workshop.programs = programs;
  workshop.listener_archive = archive;
  workshop.peers = {options.peer_directory.empty() ? programs.peers : options.peer_directory,
                    options.dockerd, archive, root, folder};
  std::string control = TRY(read_file("/proc/sys/net/ipv4/tcp_congestion_control"));
  workshop.congestion_control = control.substr(0, control.find('\n'));
  return workshop;
}

std::vector<Round> rounds_of(const std::string& metric, const BenchOptions& options,
                             const Workshop& workshop) {
  if (metric == "instantiation") return instantiation_rounds(options, workshop);
  return {};
}

}  // namespace vireo::bench
