// SPDX-License-Identifier: Apache-2.0
// What a port with addresses owes its link: answers to ARP (RFC 826) and neighbour discovery
// (RFC 4861), and whether a frame is for it.
#pragma once
#include "vnf/abi.h"
#include "vnf/checksum.h"

namespace vireo::vnf {

// Whether the address (4 or 16 bytes by `family` 4 or 6) is one of the port's.
bool owns_address(const AbiPort& port, uint8_t family, const uint8_t* address);
// Whether the frame's destination is the port's MAC, or a group.
bool reaches(const AbiPort& port, const Headers& h);

// An ARP request or a neighbour solicitation for one of the port's addresses becomes its answer,
// with complete checksums; the caller sets `out`. False, and untouched: it is none, or not for us.
bool answer_resolution(Packet& packet, const Headers& h, const AbiPort& port);

}  // namespace vireo::vnf
