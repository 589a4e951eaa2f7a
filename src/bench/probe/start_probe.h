// SPDX-License-Identifier: Apache-2.0
// Instantiation (draft, section 4.2) through Vireo: the clock starts at the first byte of the
// request that adds one function to a service whose link exists; `instantiation` ends at the first
// RST that an external SYN sender sees, `function_ready` at the first SYN-ACK of the function's
// own, `stop` is from the first byte of the stop request until it is reaped and its last answer has
// come.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"
#include "bench/probe/lab.h"
#include "bench/probe/syn_prober.h"

namespace vireo::bench {

struct StartOptions {
  std::string image;  // reference of the image under test
  bool pooled = true;
  std::string program;  // vireod
  std::string archive;  // imported first under `image`; "": it is one of our own functions
  std::string neighbour_archive;  // root archive with /listener, of what runs on the link already
  uint16_t port = 8080;           // that the function listens on
};

std::unique_ptr<Probe> make_start_probe(StartOptions options);

}  // namespace vireo::bench
