// SPDX-License-Identifier: Apache-2.0
// What a test writes into the image of unikernel_probe.cc before it is started.
#pragma once
#include <stdint.h>

namespace vireo {

struct ProbeMode {
  char magic[16];     // by which the test finds it
  int32_t exit_code;  // with which it ends instead of becoming ready; -1: it serves
  bool busy;          // it computes for ever instead
};
inline constexpr ProbeMode probe_serves{"vireo probe 1", -1, false};

}  // namespace vireo
