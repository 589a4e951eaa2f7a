// SPDX-License-Identifier: Apache-2.0
// Debian's iperf 2: the same program at both ends of every path, so that paths differ in nothing
// else.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace vireo::bench {

// Of every TCP stream. The default of many hosts, bbr, paces; cubic is refused in a new network
// namespace; reno never is.
inline constexpr const char* stream_control = "reno";

// The program and version, "iperf 2.1.8"; Errc::not_found when it is not installed.
Result<std::string> iperf_version();
// A root archive with iperf and the libraries it needs, in `folder`; its path.
Result<std::string> pack_iperf(const std::string& folder);
// The words that start the server, with the program as the host has it, and in the archive.
std::vector<std::string> iperf_server();

enum class Direction { rx, tx };  // as the far end, where the server runs, sees it
// One TCP stream between here and `address`; Gb/s.
Result<double> run_iperf(const std::string& address, Direction direction,
                         std::chrono::milliseconds duration);
// Until the server takes a connection.
Result<void> wait_for_iperf(const std::string& address, std::chrono::milliseconds limit);

}  // namespace vireo::bench
