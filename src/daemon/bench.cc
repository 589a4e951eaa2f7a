// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <unistd.h>

#include "daemon/local.h"

namespace vireo {

int run_bench(const DaemonOptions& options) {
  char own[4096];
  ssize_t length = ::readlink("/proc/self/exe", own, sizeof own);
  const std::string& directory = options.program_directory;
  bench::BenchPrograms programs;
  programs.vireod = std::string(own, length > 0 ? static_cast<size_t>(length) : 0);
  programs.directory = directory;
  programs.peers = directory + "/../peers/bin";
  return bench::run_bench(options.arguments, programs);
}

}  // namespace vireo
