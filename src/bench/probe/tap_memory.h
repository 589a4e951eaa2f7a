// SPDX-License-Identifier: Apache-2.0
// Memory of one tap as the fabric makes it ahead of its use: of the kernel, the descriptor
// included.
#pragma once
#include <functional>
#include <memory>

#include "base/fd.h"
#include "fabric/fabric.h"

namespace vireo::bench {

// The fabric that vireod would have here: in the network namespaces of near and far ends, with its
// state in `folder`, which exists.
using OpenFabric = std::function<Result<std::unique_ptr<Fabric>>(
    const Fd& near_ends, const Fd& far_ends, const std::string& folder)>;

// MiB of each of `count`, by the fall of available memory and its rise when they go; the error of
// undisturbed_mean(). Blocking, some seconds.
Result<double> memory_of_taps(const OpenFabric& open_fabric, unsigned count, double tolerance);

}  // namespace vireo::bench
