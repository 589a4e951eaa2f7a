// SPDX-License-Identifier: Apache-2.0
// Packets a second through one forwarder between two taps: frames of two sizes from the bench's end
// toward a container, never more than a window of them on their way.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct PacketsOptions {
  std::string program;           // vireod
  std::string listener_archive;  // the far end
  std::string technology;        // of the forwarder
  std::string network;           // "10.87.0", each lab's own
  std::chrono::milliseconds duration{1000};
};
std::unique_ptr<Probe> make_packets_probe(PacketsOptions options);

}  // namespace vireo::bench
