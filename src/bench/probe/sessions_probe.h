// SPDX-License-Identifier: Apache-2.0
// Sessions of a function that remembers flows: UDP flows are opened through it as fast as they come
// through, then each that came through is answered: the answers that come back are the sessions
// that live at the same time.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct SessionsOptions {
  std::string program;           // vireod
  std::string listener_archive;  // of the far end
  std::string technology;
  std::string function;     // "firewall", "nat"; of its own table size, 65,536
  unsigned flows = 80'000;  // that are tried
};
std::unique_ptr<Probe> make_sessions_probe(SessionsOptions options);

}  // namespace vireo::bench
