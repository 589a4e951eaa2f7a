// SPDX-License-Identifier: Apache-2.0
// The command line of `vireo bench`. Pure.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace vireo::bench {

struct BenchOptions {
  std::vector<std::string> metrics;       // those of the draft and healing when none is named
  std::vector<std::string> technologies;  // empty: all that can be run
  std::vector<std::string> peers;
  std::string image;    // that is started; "" for the bench's own listener
  unsigned runs = 0;    // 0: the metric's own number
  unsigned count = 0;   // density: instances, sessions: flows; 0: their own number
  unsigned length = 0;  // chain: hops; 0: its own number
  std::string peer_directory, dockerd, report;
  std::string output = "table";  // json, yaml
  bool quick = false, check = false, help = false;

  bool wants(const std::string& metric) const;
  bool wants_peer(const std::string& peer) const;
  bool wants_technology(const std::string& technology) const;
};

// One of those that only a run that names them measures: density, chain, sessions, churn, refill.
bool is_limit_metric(const std::string& metric);
// Errc::invalid: the message is the usage error.
Result<BenchOptions> parse_bench_options(const std::vector<std::string>& arguments);
std::string bench_usage();

}  // namespace vireo::bench
