// SPDX-License-Identifier: Apache-2.0
// Throughput of a TCP that Vireo brings itself: one stream of iperf from the bench's namespace into
// tcp-sink, which copies out every byte (rx), and one of tcp-source to an iperf server there (tx).
// Each function is a machine, or a container, of its own in a private daemon.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct GuestStreamOptions {
  std::string program;     // vireod
  std::string technology;  // "unikernel.vireo.kvm"
  std::chrono::milliseconds duration{1000};
};
std::unique_ptr<Probe> make_guest_stream_probe(GuestStreamOptions options);

}  // namespace vireo::bench
