// SPDX-License-Identifier: Apache-2.0
// `vireo bench`: measures this platform, shows the draft's figures and peers beside it, judges.
#pragma once
#include <string>
#include <vector>

#include "bench/probe/tap_memory.h"

namespace vireo::bench {

struct BenchPrograms {
  std::string vireod;
  std::string directory;  // holds functions/ and bench/listener
  std::string peers;      // where peers are unpacked, unless --peer-dir says so
  OpenFabric open_fabric;
};

// The exit code: 0 done, 1 nothing could be measured or (--check) a goal was missed, 2 wrong usage.
// Must be called before the process has a second thread: it enters namespaces of its own. The table
// goes to standard output, progress to standard error; SIGINT ends after the sample that runs.
int run_bench(const std::vector<std::string>& arguments, const BenchPrograms& programs);

}  // namespace vireo::bench
