// SPDX-License-Identifier: Apache-2.0
// Instantiation (draft, section 4.2) through Vireo: the clock starts at the first byte of the
// request that adds one function to a service whose link exists; `instantiation` ends at the first
// RST that an external SYN sender sees, `function_ready` at the first answer of the function's
// own: a listener's SYN-ACK, a responder's RST. `stop` is from the first byte of the stop request
// until it is reaped and its last answer has come; `driver` is the part of a virtual machine's
// driver, as the operation's record tells it. A second start, whose time nobody takes, is counted:
// system calls, page faults and, of a virtual machine, exits to its VMM, of the started process
// from the request until the operation is completed.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"
#include "bench/probe/lab.h"
#include "bench/probe/syn_prober.h"

namespace vireo::bench {

struct StartOptions {
  std::string technology = "container";
  // Of the rows: "pooled" or "cold"; of a virtual machine its tier: "rehearsed", "parked", "fork"
  // or "cold". A sample that was started in another tier is disturbed.
  std::string mode = "pooled";
  std::string network;  // "10.99.0", each probe's own: all have addresses in one namespace
  std::string program;  // vireod
  std::string archive;  // started as a container; of a virtual machine: our responder is
  std::string neighbour_archive;  // root archive with /listener, of what runs on the link already
};

std::unique_ptr<Probe> make_start_probe(StartOptions options);

}  // namespace vireo::bench
