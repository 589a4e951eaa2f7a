// SPDX-License-Identifier: Apache-2.0
// Throughput (draft, section 4.3): one TCP stream between the bench's namespace and the
// far end of a path, first toward it (rx, seen from the function), then from it (tx).
#pragma once
#include <chrono>
#include <memory>

#include "bench/probe.h"
#include "bench/probe/path.h"

namespace vireo::bench {

std::unique_ptr<Probe> make_throughput_probe(std::shared_ptr<Path> path,
                                             std::chrono::milliseconds duration);

}  // namespace vireo::bench
