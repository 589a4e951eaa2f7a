// SPDX-License-Identifier: Apache-2.0
// Which probes make up each measurement.
#pragma once
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/bench_options.h"
#include "bench/harness.h"
#include "bench/peers.h"

namespace vireo::bench {

// Where the probes find what they need; made once, after the namespaces were entered.
struct Workshop {
  BenchPrograms programs;
  PeerOptions peers;
  std::string listener_archive;    // root archive with /listener
  std::string congestion_control;  // of all TCP streams
};

// Makes the root file system that ours and the peers start, in `folder`.
Result<Workshop> prepare_workshop(const BenchOptions& options, const BenchPrograms& programs,
                                  const std::string& folder);
// The rounds of one metric that was asked for, in order.
std::vector<Round> rounds_of(const std::string& metric, const BenchOptions& options,
                             const Workshop& workshop);

}  // namespace vireo::bench
