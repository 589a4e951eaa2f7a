// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/path.h"

namespace vireo::bench {

Result<double> Path::stream(Direction direction, std::chrono::milliseconds duration) {
  const std::string address = TRY(open());
  return run_iperf(address, direction, duration);
}

}  // namespace vireo::bench
