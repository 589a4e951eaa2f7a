// SPDX-License-Identifier: Apache-2.0
// Which probes make up each measurement.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/bench_options.h"
#include "bench/harness.h"
#include "bench/probe/docker_daemon.h"
#include "bench/probe/path.h"
#include "bench/probe/peers.h"

namespace vireo::bench {

// What the probes share; made once, after the namespaces were entered. Nothing in it runs before a
// probe asks for it.
struct Workshop {
  BenchPrograms programs;
  PeerOptions peers;
  std::string listener_archive;  // root archive with /listener, the bench's own
  std::string start_archive;     // the same, or the image that was asked for
  std::string iperf_archive;
  std::shared_ptr<DockerDaemon> docker;
  std::function<void(const std::string&)> progress;
  std::function<bool()> interrupted;              // for probes whose samples are long
  std::vector<std::shared_ptr<Path>> paths;       // ours and those of the peers that were asked for
  std::vector<std::shared_ptr<Path>> responders;  // of VireoPaths; empty: not asked for
};

// Errc::exhausted: a limit of this host forbids what is asked for. Before anything is begun.
Result<void> check_limits(const BenchOptions& options);
// Makes the root file systems that ours and the peers start, in `folder`.
Result<Workshop> prepare_workshop(const BenchOptions& options, const BenchPrograms& programs,
                                  const std::string& folder);
// `metric` is one of those that bench_options.h knows.
Round round_of(const std::string& metric, const BenchOptions& options, const Workshop& workshop);

}  // namespace vireo::bench
