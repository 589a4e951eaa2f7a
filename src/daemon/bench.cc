// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include "daemon/local.h"
#include "host/files.h"

namespace vireo {

int run_bench(const DaemonOptions& options) {
  const std::string& directory = options.program_directory;
  bench::BenchPrograms programs;
  programs.vireod = own_program();
  programs.directory = directory;
  programs.peers = directory + "/../peers/bin";
  return bench::run_bench(options.arguments, programs);
}

}  // namespace vireo
