// SPDX-License-Identifier: Apache-2.0
// Heal: from SIGKILL of a forwarder's process, which may be a virtual machine's, to the arrival of
// the first answer to a probe frame that was sent after that process had ended, so that it went
// through the next generation, both ways. Every sample kills a function that was never killed
// before: no back-off is measured.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct HealOptions {
  std::string technology;        // of the forwarder
  std::string network;           // "10.91.0", each lab's own
  std::string program;           // vireod
  std::string listener_archive;  // answers behind the forwarder
};
std::unique_ptr<Probe> make_heal_probe(HealOptions options);

}  // namespace vireo::bench
