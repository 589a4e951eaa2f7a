// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include "daemon/local.h"
#include "daemon/open_fabric.h"
#include "host/files.h"

namespace vireo {

int run_bench(const DaemonOptions& options) {
  const std::string& directory = options.program_directory;
  bench::BenchPrograms programs;
  programs.vireod = own_program();
  programs.directory = directory;
  programs.peers = directory + "/../peers/bin";
  programs.open_fabric = [](const Fd& near_ends, const Fd& far_ends, const std::string& folder) {
    DaemonOptions usual;
    usual.state_directory = folder;
    return open_fabric(usual, near_ends, far_ends);
  };
  return bench::run_bench(options.arguments, programs);
}

}  // namespace vireo
