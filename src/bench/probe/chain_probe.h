// SPDX-License-Identifier: Apache-2.0
// A chain of forwarders between the bench's end and a container: one TCP stream each way, frames of
// three sizes each second, the round trip, and what one frame costs one hop.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/probe.h"

namespace vireo::bench {

struct ChainOptions {
  std::string program;                    // vireod
  std::string iperf_archive;              // of pack_iperf()
  std::vector<std::string> technologies;  // of the hops, in turn
  unsigned length = 3;                    // hops
  std::chrono::milliseconds duration{1000};
};
std::unique_ptr<Probe> make_chain_probe(ChainOptions options);

}  // namespace vireo::bench
