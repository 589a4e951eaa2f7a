// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "daemon/local.h"

namespace vireo {

int run_bench(const DaemonOptions&) {
  fmt::print(stderr, "vireod: bench is being built\n");
  return 1;
}

}  // namespace vireo
