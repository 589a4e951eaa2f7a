// SPDX-License-Identifier: Apache-2.0
// AF_PACKET sockets as ports of functions (packet(7)).
#pragma once
#include <string>

#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"

namespace vireo {

// All frames of the interface in the calling thread's network namespace, each with a virtio_net
// header of 10 bytes; its own frames are not seen. Non-blocking. Closing the last descriptor waits
// about 15 ms for the kernel.
Result<Fd> open_packet_socket(int interface);

// Of an interface in the network namespace of the socket, which may be any.
Result<MacAddress> interface_mac(const Fd& socket, const std::string& interface);

}  // namespace vireo
