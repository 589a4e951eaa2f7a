// SPDX-License-Identifier: Apache-2.0
// TCP sockets of the kernel's stack, without a library: for functions with ports of style stack.
// Every socket is non-blocking and close-on-exec; results are descriptors or negative errors.
#pragma once
#include "vnf/abi.h"
#include "vnf/posix/system_call.h"

namespace vireo::vnf::posix {

inline constexpr long error_in_progress = -115;

// Listens on all addresses of both families, or of IPv4 where there is no IPv6.
long listen_tcp(uint16_t port);
long accept_tcp(int listener);
// Begins to connect; `poll_out` and connect_result() tell how it ended. `congestion` is the name of
// a congestion control, or empty for the host's.
long begin_connect_tcp(const AbiAddress& to, uint16_t port, const char* congestion);
long connect_result(int socket);  // 0 or the error
// Whether this host lets us choose that congestion control.
bool congestion_allowed(const char* congestion);

}  // namespace vireo::vnf::posix
