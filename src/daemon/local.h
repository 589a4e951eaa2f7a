// SPDX-License-Identifier: Apache-2.0
// `vireod local VERB ...` and `vireod bench ...`: a daemon in the foreground for one command.
#pragma once
#include "daemon/options.h"

namespace vireo {

// Serves on a socket of its own while `vireo VERB ...` runs against it; returns that one's exit
// code.
int run_local(const DaemonOptions& options);
// Measures (src/bench) with private daemons.
int run_bench(const DaemonOptions& options);

}  // namespace vireo
