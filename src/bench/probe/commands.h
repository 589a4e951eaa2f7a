// SPDX-License-Identifier: Apache-2.0
// Debian's tools as the bench uses them for what is not on the clock.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/probe/syn_prober.h"
#include "bench/row.h"

namespace vireo::bench {

// Runs a script with `sh -ec` and returns what it wrote; its error output is the error's text.
Result<std::string> run_script(const std::string& script);
// The program in `folder`, or by PATH when the folder is "" or lacks it. Errc::not_found.
Result<std::string> find_program(const std::string& folder, const std::string& name);

// The two rows of a start, of a peer.
std::vector<Row> peer_start_rows(const std::string& peer);
// Waits for the function's SYN-ACK and fills `instantiation` and `function_ready` from `started`.
Result<void> take_answers(SynProber& prober, SteadyTime started,
                          std::map<std::string, double>& values);

}  // namespace vireo::bench
